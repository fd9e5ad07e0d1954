"""Let's Encrypt's place is taken by Pebble, the ACME test server, a child of the cloud's server."""
