"""The idle culler's configuration: a hub that was away stops nobody before servers could report."""

import os
import sys

sys.path.insert(0, "/usr/lib/hubsmith/hub")
from hubsmith_hub import idle

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - given by traitlets
c.IdleCuller.cull_arbiter_hook = idle.Arbiter(float(os.environ["HUBSMITH_REPORTS_EVERY_S"]))
