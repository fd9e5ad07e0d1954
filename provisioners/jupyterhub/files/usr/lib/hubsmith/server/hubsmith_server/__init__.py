"""What the image adds to a user's server, in the server's own process and with the user's rights."""
