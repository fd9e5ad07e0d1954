"""Base images of the local cloud: what the AMIs of Debian are on EC2.

    catalogue.py   BaseImage, its sidecar file, what the cache holds
    renewal.py     ensure(): the newest image of a family, built if there is none, or none fresh enough
    recipe.py      what decides the content of an image of a family, as a digest
    debian.py      recipe: Debian with cloud-init, as on Debian's own EC2 image
    tiny.py        recipe: kernel, busybox and dropbear; seconds to boot
    mirror.py      where Debian's packages come from: the host's own mirror
    trust.py       certificates the host trusts beyond Debian's own set
    archive.py     a file tree in memory, as a tar or cpio archive
    disk.py        a tar archive → a bootable GPT disk (assemble.sh), without root, mounts or loop devices
    tools.py       runs the host's tools, so that what they say reaches the user
    guest/         the files that go into the images

A cached image is never written to again: volumes are overlays on it. Older images of a family therefore stay, since clouds may still
stand on them; `rm` those whose clouds are gone.
"""

from localcloud.base_image.catalogue import FAMILIES, BaseImage, cached, family_for
from localcloud.base_image.renewal import ensure

__all__ = ["FAMILIES", "BaseImage", "cached", "ensure", "family_for"]
