"""What a role needs in order to build, as IAM statements: it may change and copy only what builds made.

Tags are what tells it apart, so they are given in the call that makes something, or to what a build has made
already: whoever may tag anything may change anything.
"""

from __future__ import annotations

from build.aws import tags
from build.manifest import Manifest

Statement = dict[str, object]

READ = (
    "DescribeImageAttribute", "DescribeImages", "DescribeInstances", "DescribeInstanceTypeOfferings",
    "DescribeInstanceTypes",
    "DescribeLaunchTemplates", "DescribeLaunchTemplateVersions", "DescribeSecurityGroups",
    "DescribeSnapshots", "DescribeSubnets",
    "DescribeVolumes", "DescribeVpcs", "GetEbsEncryptionByDefault",
)  # fmt: skip
MAKE = ("CreateSecurityGroup", "CreateVolume", "RegisterImage", "RunInstances")
COPY = ("CreateImage", "CreateSnapshot")
TO_REGIONS = ("CopyImage",)
CHANGE = (
    "AttachVolume", "AuthorizeSecurityGroupIngress", "CreateTags", "DeleteSecurityGroup", "DeleteSnapshot",
    "DeleteTags", "DeleteVolume",
    "DeregisterImage", "GetConsoleOutput", "ModifyInstanceAttribute", "RebootInstances", "StopInstances",
    "TerminateInstances",
)  # fmt: skip
SHARE = ("ModifyImageAttribute", "ModifySnapshotAttribute")
SEE_BLOCKS = (
    "GetEbsDefaultKmsKeyId",
    "GetImageBlockPublicAccessState",
    "GetSnapshotBlockPublicAccessState",
)
LAYERS = ("DeleteSnapshot", "DeregisterImage")
KMS = (
    "CreateGrant",
    "Decrypt",
    "DescribeKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
)


def statements(manifest: Manifest) -> list[Statement]:
    """For builds of this manifest."""
    found = [
        _allow("Look", _ec2(READ)),
        _allow("Make", _ec2(MAKE)),
        _allow(
            "TagWhatIsMade",
            ["ec2:CreateTags"],
            Condition={"StringEquals": {"ec2:CreateAction": [*MAKE, *COPY, *TO_REGIONS]}},
        ),
        _allow("ChangeWhatABuildMade", _ec2((*COPY, *CHANGE)), Condition=_tagged(tags.RUN)),
        _allow("MakeCopies", _ec2(COPY), Resource=_copies()),
        _allow("RemoveLayers", _ec2(LAYERS), Condition=_tagged(tags.MADE_BY)),
        _allow(
            "Parameters",
            ["ssm:AddTagsToResource", "ssm:GetParameter", "ssm:PutParameter"],
            Resource=_parameters(manifest),
        ),
    ]
    if manifest.publish.regions:
        found.append(_allow("CopyToRegions", _ec2(TO_REGIONS), Resource=_to_regions(manifest)))
    if manifest.publish.launch_permissions.named:
        found += [
            _allow("Share", _ec2(SHARE), Condition=_tagged(tags.RUN)),
            _allow("MayItBePublic", _ec2(SEE_BLOCKS)),
        ]
    if manifest.base.ssm_parameter:
        name = manifest.base.ssm_parameter
        public = name.startswith("/aws/service/")
        account = "" if public else "${AWS::AccountId}"
        arn = {"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:{account}:parameter{name}"}
        found.append(_allow("BaseImage", ["ssm:GetParameter"], Resource=arn))
    if key := manifest.builder.root_volume.kms_key_id:
        region = "*" if manifest.publish.regions else "${AWS::Region}"
        found.append(_allow("Encrypt", [f"kms:{action}" for action in KMS], **_key(key, region)))
    return found


def _key(key: str, region: str) -> dict[str, object]:
    """The resource of a key: ARNs of aliases are none, an alias is a condition on keys (KMS developer guide).

    ``key`` is an id, an alias, or the ARN of either; ``region`` counts where it is no ARN.
    """
    place, _, name = key.rpartition(":")
    place = place or f"arn:${{AWS::Partition}}:kms:{region}:${{AWS::AccountId}}"
    if not name.startswith("alias/"):
        return {"Resource": {"Fn::Sub": f"{place}:key/{name.removeprefix('key/')}"}}
    return {
        "Resource": {"Fn::Sub": f"{place}:key/*"},
        "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": name}},
    }


def _copies() -> list[object]:
    """Images and snapshots that are still to be made: they carry no tag yet.

    What they are made of is judged by itself.
    """
    return [
        {"Fn::Sub": f"arn:${{AWS::Partition}}:ec2:${{AWS::Region}}::{kind}/*"}
        for kind in ("image", "snapshot")
    ]


def _to_regions(manifest: Manifest) -> list[object]:
    """Copies that are still to be made, in the regions that get them."""
    return [
        {"Fn::Sub": f"arn:${{AWS::Partition}}:ec2:{region}::{kind}/*"}
        for region in manifest.publish.regions
        for kind in ("image", "snapshot")
    ]


def _parameters(manifest: Manifest) -> list[object]:
    names = {
        f"/hubsmith/{manifest.image.name}/*",
        manifest.ssm_parameter or f"/hubsmith/{manifest.image.name}/*",
    }
    return [
        {"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:{region}:${{AWS::AccountId}}:parameter{name}"}
        for region in ("${AWS::Region}", *manifest.publish.regions)
        for name in sorted(names)
    ]


def _allow(name: str, actions: list[str], **more: object) -> Statement:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": "*", **more}


def _ec2(actions: tuple[str, ...]) -> list[str]:
    return [f"ec2:{action}" for action in actions]


def _tagged(key: str) -> dict[str, object]:
    """Only on what carries the tag."""
    return {"Null": {f"aws:ResourceTag/{key}": "false"}}
