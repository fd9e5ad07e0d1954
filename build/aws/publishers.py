"""The accounts that publish base images: each has one for each partition, or images in some of them only.

An account belongs to one partition, so its id means nothing in another one.
"""

from __future__ import annotations

from collections.abc import Mapping

PUBLISHERS: Mapping[str, Mapping[str, str]] = {
    # https://wiki.debian.org/Cloud/AmazonEC2Image
    "Debian": {"aws": "136693071363"},
    # https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
    "Canonical": {"aws": "099720109477", "aws-cn": "837727238323", "aws-us-gov": "513442679011"},
}
"""Publisher -> partition -> account."""


def why_not(owner: str, partition: str) -> str | None:
    """Why an account publishes nothing in a partition, and who does instead; None where it may do."""
    for publisher, accounts in PUBLISHERS.items():
        home = next((name for name, account in accounts.items() if account == owner), None)
        if home is not None and home != partition:
            instead = accounts.get(partition)
            if instead:
                return f'is {publisher}\'s account in the partition {home}; in {partition} it is "{instead}"'
            return (
                f"is {publisher}'s account in the partition {home}; Hubsmith knows none in {partition}: take "
                "--profile ubuntu, or an image of your own account (self)"
            )
    return None
