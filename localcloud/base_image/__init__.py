"""Base images of the local cloud: what the AMIs of Debian are on EC2.

A cached image is never written to again: volumes are overlays on it. Older images of a family therefore stay,
since clouds may still stand on them; `rm` those whose clouds are gone.
"""

from localcloud.base_image.catalogue import FAMILIES, BaseImage, cached, family_for
from localcloud.base_image.renewal import ensure

__all__ = ["FAMILIES", "BaseImage", "cached", "ensure", "family_for"]
