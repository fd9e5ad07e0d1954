"""The types of single values, each with its rule in plain words: a pattern here, or a function of *_rules.py.

A rule says what the value should be ("should be …"); what it is instead is added by yaml/messages.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from build.manifest.schema import limit_rules, network_rules, requirement, value_rules
from build.manifest.schema.constraints import Frozen as Frozen
from build.manifest.schema.constraints import Thawed as Thawed
from build.manifest.schema.constraints import checked as checked
from build.manifest.schema.constraints import matching as matching
from build.manifest.schema.section import Section as Section
from build.manifest.schema.value_rules import MAX_TAGS as MAX_TAGS
from build.manifest.schema.value_rules import parameter_problem as parameter_problem
from build.manifest.schema.value_rules import unique

MINUTES_PER_DAY = 24 * 60
SECONDS_PER_DAY = 24 * 3600
_KEY_ID = r"(mrk-)?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
_CONDA_VERSION = r"(?:[<>]=?|[!=~]=|=)?\s*[\w.*+!-]+"
_CONDA_SPEC = (
    r"(?:[\w./:+-]+::)?[A-Za-z0-9_][\w.-]*"
    rf"(?:(?:\s*(?=[<>=!~])|\s+){_CONDA_VERSION}(?:\s*[,|]\s*{_CONDA_VERSION})*(?:[ =][\w.*]+)?)?"
    r"(?:\[[\w.*/:<>=!~,' +-]*\])?"
)
"""conda's "Package match specifications": channel::name version build, or name=version=build."""

Tags = Annotated[Mapping[str, str], checked(value_rules.ec2_tags), Frozen, Thawed]
TagsOfAll = Annotated[Mapping[str, str], checked(value_rules.tags_of_all), Frozen, Thawed]
ImageName = Annotated[
    str,
    matching(
        r"(?=.*[A-Za-z0-9])[A-Za-z0-9()\[\] ./\-'@_]{1,107}",
        "1 to 107 letters, digits or ()[] ./-'@_ (time and run are added, and EC2 allows 128 characters)",
    ),
]
Description = Annotated[
    str, matching(r"[ -~]{0,255}", "one line of at most 255 ASCII characters: EC2 refuses others")
]
Region = Annotated[
    str,
    matching(r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}", "an AWS region such as us-east-1"),
    checked(value_rules.region),
]
Regions = Annotated[tuple[Region, ...], checked(unique)]
KmsKey = Annotated[
    str,
    matching(
        rf"{_KEY_ID}|alias/[\w/-]+|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{{12}}:(key/{_KEY_ID}|alias/[\w/-]+)",
        "the id, alias or ARN of a KMS key, such as 1234abcd-12ab-34cd-56ef-1234567890ab or alias/NAME",
    ),
]
InstanceType = Annotated[
    str, matching(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "an EC2 instance type such as t3.large")
]
MoreInstanceTypes = Annotated[tuple[InstanceType, ...], checked(unique)]
InstanceTypes = Annotated[tuple[InstanceType, ...], Field(min_length=1), checked(unique)]
Owner = Annotated[
    str,
    matching(
        r"\d{12}|amazon|aws-marketplace|aws-backup-vault|self", "an account of 12 digits, amazon or self"
    ),
]
NameFilter = Annotated[str, matching(r"\S.{0,254}", "a name or a pattern such as debian-13-amd64-*")]
ImageId = Annotated[
    str, matching(r"ami-([0-9a-f]{8}|[0-9a-f]{17})", "an image id such as ami-0123456789abcdef0")
]
VpcId = Annotated[str, matching(r"vpc-([0-9a-f]{8}|[0-9a-f]{17})", "a VPC id such as vpc-0123456789abcdef0")]
SubnetId = Annotated[
    str, matching(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})", "a subnet id such as subnet-0123456789abcdef0")
]
SubnetIds = Annotated[tuple[SubnetId, ...], checked(unique)]
PublicParameter = Annotated[
    str,
    matching(r"(/[A-Za-z0-9_.-]+)+", "a parameter name such as /aws/service/debian/release/13/latest/amd64"),
]
ParameterTemplate = Annotated[str, checked(value_rules.template)]
Channel = Annotated[str, matching(r"[a-z0-9][a-z0-9-]{0,31}", "a word of small letters, digits and dashes")]
CallerCidrs = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    checked(network_rules.caller_cidrs),
    BeforeValidator(network_rules.as_tuple, json_schema_input_type=str | list[str]),
]
OpenCidrs = Annotated[
    tuple[Annotated[str, checked(network_rules.open_cidr)], ...],
    Field(min_length=1),
    checked(unique),
    checked(network_rules.few),
]
UserNetwork = Annotated[str, checked(network_rules.user_network)]
PrivateNetworks = Annotated[tuple[Annotated[str, checked(network_rules.ipv4_network)], ...], checked(unique)]
AllocationId = Annotated[
    str,
    matching(
        r"eipalloc-([0-9a-f]{8}|[0-9a-f]{17})",
        "the allocation id of an Elastic IP such as eipalloc-0123456789abcdef0",
    ),
]
Accounts = Annotated[
    tuple[Annotated[str, matching(r"\d{12}", "an account of 12 digits, in quotes")], ...], checked(unique)
]
ProfileName = Annotated[
    str,
    matching(
        r"[\w+=,.@-]{1,128}", "the name of an instance profile, not its ARN: 1 to 128 of A-Z a-z 0-9 _+=,.@-"
    ),
]
PolicyArn = Annotated[
    str,
    matching(
        r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+",
        "the ARN of a policy: arn:aws:iam::123456789012:policy/…",
    ),
]
OrganizationArns = Annotated[
    tuple[
        Annotated[
            str,
            matching(
                r"arn:aws[a-z-]*:organizations::\d{12}:organization/o-[a-z0-9]+", "the ARN of an organization"
            ),
        ],
        ...,
    ],
    checked(unique),
]
OrganizationalUnitArns = Annotated[
    tuple[
        Annotated[
            str,
            matching(
                r"arn:aws[a-z-]*:organizations::\d{12}:ou/o-[a-z0-9]+/ou-[a-z0-9-]+",
                "the ARN of an organizational unit",
            ),
        ],
        ...,
    ],
    checked(unique),
]
Openings = Annotated[
    tuple[
        Annotated[
            str,
            matching(
                r"[a-z]+( [a-z]+)*: \S[^\n]*",
                "a line as the image tests print it, such as 'socket: /run/x.sock'",
            ),
        ],
        ...,
    ],
    checked(unique),
]
Email = Annotated[str, checked(value_rules.email)]
PublicKeys = Annotated[
    tuple[
        Annotated[
            str,
            checked(value_rules.public_key),
        ],
        ...,
    ],
    checked(unique),
]
AptMirror = Annotated[
    str,
    matching(
        r"https?://(?!/)[A-Za-z0-9._~:/\[\]@%+=-]+",
        "an address that begins with https:// or http://, of letters, digits and ._~:/@%+=-",
    ),
]
_URL_REST = r"[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%{}-]"
"""The characters that RFC 3986 allows, without the quote, and braces for what is filled in."""
Url = Annotated[
    str, matching(rf"https?://(?!/){_URL_REST}+", "an address that begins with https:// or http://")
]
UserName = Annotated[
    str, matching(r"[a-z_][a-z0-9_-]{0,31}", "a Unix user name: small letters, digits, _ and -, at most 32")
]
UserNames = Annotated[tuple[UserName, ...], checked(unique)]
Memory = Annotated[str, checked(limit_rules.memory)]
DiskLimit = Annotated[str, checked(limit_rules.disk_limit)]
CpuLimit = Annotated[Any, checked(limit_rules.cpu_limit)]
Starts = Annotated[Any, checked(limit_rules.starts)]
UrlPath = Annotated[str, matching(r"/\S*", "a path such as /lab")]
EnvironmentName = Annotated[
    str, matching(r"[A-Za-z_][A-Za-z0-9_]*", "a variable name: letters, digits and _")
]
EnvironmentValue = Annotated[str, matching(r"[^\0]*", "text without NUL characters")]
Environment = Annotated[Mapping[EnvironmentName, EnvironmentValue], Frozen, Thawed]
InstallerUrl = Annotated[
    str,
    matching(
        rf"(https?://(?!/){_URL_REST}+|file:///{_URL_REST}*)",
        "an address that begins with https://, http:// or file:///; {version} and {arch} are filled in",
    ),
]
InstallerVersion = Annotated[str, matching(r"\d[\w.-]*", 'a version in quotes, such as "26.7.2-0"')]
PythonVersion = Annotated[
    str, matching(r"3\.\d+", 'the first two parts of a version in quotes, such as "3.14"')
]
Sha256 = Annotated[str, matching(r"[0-9a-f]{64}", "a sha256: 64 small hexadecimal digits")]
CondaPackage = Annotated[
    str, matching(_CONDA_SPEC, "a package as conda takes it, such as numpy=2.1 or scipy>=1.14")
]
CondaPackages = Annotated[tuple[CondaPackage, ...], checked(unique)]
CondaChannel = Annotated[
    str, matching(r"[A-Za-z0-9][\w./:+-]*", "the name of a channel such as conda-forge, or its address")
]
CondaChannels = Annotated[tuple[CondaChannel, ...], Field(min_length=1), checked(unique)]
MoreCondaChannels = Annotated[tuple[CondaChannel, ...], checked(unique)]
KernelName = Annotated[
    str,
    matching(
        r"[a-z0-9][a-z0-9_-]{0,31}",
        "a name of small letters, digits, _ and -, at most 32, that begins with a letter or a digit",
    ),
]
Package = Annotated[
    str,
    matching(r"[A-Za-z0-9][^\n]*", "a package as pip takes it, such as numpy or pandas>=2"),
    checked(requirement.complaint),
]
Packages = Annotated[tuple[Package, ...], checked(unique)]
RelativeFile = Annotated[
    str,
    matching(
        r"(?!/)(?!.*(^|/)\.\.(/|$))(?=.*\S)[^\0-\x1f]+", "a file in the folder of the manifest or below it"
    ),
]
RelativePath = Annotated[
    str, matching(r"(?!/)(?!.*(^|/)\.\.(/|$))(?=.*\S)[^\0-\x1f]+", "a folder inside the one of the manifest")
]
ProvisionerName = Annotated[
    str, matching(r"[a-z][a-z0-9_-]{0,62}", "the name of a folder: small letters, digits, _ and -")
]
Seconds = Annotated[int, Field(ge=1, le=SECONDS_PER_DAY)]
Minutes = Annotated[int, Field(ge=1, le=MINUTES_PER_DAY)]
