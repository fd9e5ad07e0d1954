"""A newer image under a living hub: the new instance is ready before the old one lets go of the data."""
