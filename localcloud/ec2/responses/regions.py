"""Regions."""

from __future__ import annotations

from moto.core.responses import ActionResult

from build.aws.regions import partition_of
from localcloud.ec2.errors import invalid_value
from localcloud.ec2.responses.base import LocalActions
from localcloud.iam import arns, regions

_MEMBERS = {"region-name": "RegionName", "endpoint": "Endpoint", "opt-in-status": "OptInStatus"}


class RegionActions(LocalActions):
    """Where else there is EC2."""

    def describe_regions(self) -> ActionResult:
        """DescribeRegions: those of the partition that are enabled, with AllRegions the others too."""
        self.error_on_dryrun()
        partition = partition_of(self.region)
        known = sorted(name for name in regions.served() if partition_of(name) == partition)
        wanted, filters = self.values("RegionNames"), self.filters()
        if unknown := [name for name in wanted if name not in known]:
            raise invalid_value(unknown[0], "regionName")
        suffix = arns.url_suffix(self.region)
        found = [
            {
                "RegionName": name,
                "Endpoint": f"ec2.{name}.{suffix}",
                "OptInStatus": regions.opt_in_status(name, self.backend.host.opted_in),
            }
            for name in wanted or known
        ]
        shown = [
            each
            for each in found
            if (self.flag("AllRegions") or each["OptInStatus"] != regions.NOT_OPTED_IN)
            and all(each[_MEMBERS[name]] in values for name, values in filters.items() if name in _MEMBERS)
        ]
        return ActionResult({"Regions": shown})
