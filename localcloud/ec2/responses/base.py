"""What the groups of actions share."""

from __future__ import annotations

from typing import Any

from moto.ec2.responses._base_response import EC2BaseResponse

from localcloud.ec2.backend import LocalBackend


class LocalActions(EC2BaseResponse):
    """Parameters as Python values (moto parses them by botocore's model), tags by resource type."""

    @property
    def backend(self) -> LocalBackend:
        """EC2 of the caller's account and region."""
        found: LocalBackend = self.ec2_backend
        return found

    def text(self, name: str) -> str:
        """A parameter that EC2 requires (the client has made sure) or that may be empty."""
        value = self._get_param(name)
        return "" if value is None else str(value)

    def optional(self, name: str) -> str | None:
        """A text that may be left out."""
        value = self._get_param(name)
        return None if value is None else str(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean that may be left out."""
        value = self._get_param(name)
        return default if value is None else value is True or str(value).lower() == "true"

    def values(self, name: str) -> list[Any]:
        """A list that may be left out."""
        return list(self._get_param(name, []) or [])

    def tags(self) -> dict[str, dict[str, str]]:
        """TagSpecifications: resource type -> key -> value."""
        return self._parse_tag_specification()

    def filters(self) -> dict[str, list[str]]:
        """Filters: name -> values."""
        found: Any = self._filters_from_querystring()  # moto annotates the values as str
        return dict(found)
