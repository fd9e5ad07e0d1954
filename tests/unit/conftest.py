"""What the unit tests share."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure; tests that take too long are seen in the whole run's time.
settings.register_profile("hubsmith", deadline=None)
settings.load_profile("hubsmith")
