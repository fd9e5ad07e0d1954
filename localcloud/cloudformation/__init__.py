"""CloudFormation for stacks of Hubsmith's templates: each resource is made through its service's API.

moto's own says success for types that it does not know. This one refuses them, and properties that it would
ignore.
"""
