"""What an image is made of, as digests that fit into tags: what reaches the machine, and what has changed."""
