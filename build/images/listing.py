"""The images this product made, as the cloud lists them."""

from __future__ import annotations

from dataclasses import dataclass

from build.aws import tags
from build.aws.session import Clients


@dataclass(frozen=True)
class ImageRow:
    """One image; ``size_gib`` is its root volume's size, ``created`` ISO 8601 in UTC."""

    id: str
    name: str
    image: str
    state: str
    channel: str
    created: str
    size_gib: int
    base: str
    fingerprint: str


COLUMNS = ("image", "name", "channel", "state", "created", "base")


def list_images(clients: Clients) -> list[ImageRow]:
    """Every image of the account that carries our tag, newest first."""
    images = clients.ec2.describe_images(Owners=["self"], Filters=tags.having(tags.IMAGE))["Images"]
    rows = []
    for image in images:
        image_tags = tags.as_dict(image.get("Tags"))
        sizes = [
            mapping["Ebs"].get("VolumeSize", 0)
            for mapping in image["BlockDeviceMappings"]
            if "Ebs" in mapping
        ]
        rows.append(
            ImageRow(
                id=image["ImageId"],
                name=image.get("Name", ""),
                image=image_tags.get(tags.IMAGE, ""),
                state=image_tags.get(tags.STATE, "")
                if image["State"] == "available"
                else str(image["State"]),
                channel=image_tags.get(tags.CHANNEL, ""),
                created=image["CreationDate"],
                size_gib=sizes[0] if sizes else 0,
                base=image_tags.get(tags.BASE, ""),
                fingerprint=image_tags.get(tags.FINGERPRINT, ""),
            )
        )
    return sorted(rows, key=lambda row: row.created, reverse=True)


def cells(row: ImageRow) -> tuple[str, ...]:
    """The row as a table shows it."""
    return (
        row.id,
        row.name,
        row.channel or "-",
        row.state,
        row.created[:16].replace("T", " "),
        row.base.partition(" ")[2] or row.base,
    )
