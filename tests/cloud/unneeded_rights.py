"""Which documented policies tasks are run with here, and what in them no call to the local cloud needs."""

from __future__ import annotations

from tests.unit.docs.policies import BY_CLOUDFORMATION

POLICIES = ("build", "launch", "schedule", "share", "kms")
ELSEWHERE = {
    "hub-boundary": "tests/cloud/launch/test_boundary.py; what hubs' roles do, tests/cloud/golden/",
    "github-trust": "a trust policy of AWS's own: the local cloud has no OpenID Connect",
}
_READS = "AWS's CloudFormation reads and tags what it has made; the local one does not"
_CHANGES = "an update from the template of an earlier version"
_USES = "EC2 uses the key with the caller's rights; the local cloud encrypts nothing"
NOT_HERE = {
    ("build", "ec2:ModifyInstanceAttribute"): "tests of the finished disk: the tiny image has none",
    ("launch", "ec2:DisassociateAddress"): "an address that somebody has given to something else",
    **{("kms", f"kms:{action}"): _USES for action in ("CreateGrant", "Decrypt", "ReEncrypt*")},
    ("kms", "kms:GenerateDataKeyWithoutPlaintext"): _USES,
    **{
        ("schedule", action): _READS
        for action in BY_CLOUDFORMATION - {"cloudformation:TagResource", "iam:PassRole"}
    },
    ("schedule", "iam:UpdateAssumeRolePolicy"): _CHANGES,
    ("schedule", "iam:UpdateRole"): _CHANGES,
    ("schedule", "logs:DeleteRetentionPolicy"): _CHANGES,
}
"""(policy, action or resource): why no call to the local cloud needs it."""
