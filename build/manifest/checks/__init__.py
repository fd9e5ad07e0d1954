"""Rules between keys of the manifest, each with its complaint in plain words."""
