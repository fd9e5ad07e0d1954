"""moto's instances, volumes, snapshots and images, with layers on disk and the states of real machines.

Serialization reads attributes by the snake_case names of the API's members, so a property here is a field of
the answer.
"""

from __future__ import annotations

from localcloud.ec2.models.image import BlockDevice, LocalAmi
from localcloud.ec2.models.instance import LocalInstance
from localcloud.ec2.models.modification import Modification, Shape
from localcloud.ec2.models.snapshot import LocalSnapshot, SourceVolume
from localcloud.ec2.models.volume import Attachment, LocalVolume

__all__ = [
    "Attachment",
    "BlockDevice",
    "LocalAmi",
    "LocalInstance",
    "LocalSnapshot",
    "LocalVolume",
    "Modification",
    "Shape",
    "SourceVolume",
]
