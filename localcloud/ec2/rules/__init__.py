"""EC2's rules, one file per resource, as pure changes of the model: what is allowed, and its effect."""
