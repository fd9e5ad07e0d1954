"""Images: list, keep or remove them and what builds have left; run the image tests on a running machine."""
