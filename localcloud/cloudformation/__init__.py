"""CloudFormation, as far as stacks of Hubsmith's own templates need it: each resource is made through its
service's API.

moto's own says success for types that it does not know. This one refuses them, and properties that it would
ignore.
"""
