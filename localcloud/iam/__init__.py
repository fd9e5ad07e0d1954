"""Roles: the credentials an instance gets, and what they allow. Everybody else's calls are taken as they come.

policy.py         may a call be made under these policies? pure
reading.py        a request -> operation and parameters
calls.py          these -> the call in IAM's words: action, resources, condition keys (ec2_calls.py: EC2's, iam_calls.py: IAM's)
entities.py       the roles and profiles that a call names: paths, boundaries, who passes a role
boundaries.py     what IAM refuses of permissions boundaries, whoever asks
resource_tags.py  the tags of EC2's resources, as condition keys
sessions.py       the credentials of an instance's role: issued, renewed before they expire, recognized (moto's STS and IAM)
guard.py          refuses what a role may not, and records what it asked for
"""
