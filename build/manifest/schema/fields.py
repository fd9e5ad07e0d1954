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

<<<<<<< HEAD
Tags = Annotated[Mapping[str, str], checked(value_rules.ec2_tags), Frozen, Thawed]
TagsOfAll = Annotated[Mapping[str, str], checked(value_rules.tags_of_all), Frozen, Thawed]
=======

class Section(BaseModel):
    """A mapping of the manifest: immutable, unknown keys refused, no silent conversions ("3" is not 3)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=True, populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, data: object) -> object:
        """`tags:` with nothing after it is as good as absent, except where nothing is itself a setting.

        An unknown key with nothing after it is refused as any other: somebody meant something by it.
        """
        if not isinstance(data, Mapping):
            return data
        nullable = {
            name
            for name, field in cls.model_fields.items()
            if type(None) in getattr(field.annotation, "__args__", ())
        }
        known = {key for name, field in cls.model_fields.items() for key in (name, field.alias)}
        droppable = known - nullable
        return {key: value for key, value in data.items() if value is not None or key not in droppable}


def matching(pattern: str, says: str) -> AfterValidator:
    """Text that matches the whole of `pattern`, else "should be <says>"."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"should be {says}")
        return value

    return AfterValidator(check)


def checked(rule: Callable[[_T], str | None]) -> AfterValidator:
    """A value `rule` has no complaint about."""

    def check(value: _T) -> _T:
        complaint = rule(value)
        if complaint:
            raise ValueError(complaint)
        return value

    return AfterValidator(check)


Frozen = AfterValidator(freeze)
Thawed = PlainSerializer(to_plain)


def _unique(values: tuple[str, ...]) -> str | None:
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    return f"has {twice[0]} more than once" if twice else None


def _cidr(value: str) -> str | None:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return "should be a network such as 203.0.113.7/32"
    if str(network) != value:
        return (
            f"should be the network itself, {network}"
            if "/" in value
            else f"should have a prefix length: {network}"
        )
    return "would open ssh to everyone" if network.prefixlen == 0 else None


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _caller_cidrs(value: tuple[str, ...]) -> str | None:
    for one in value:
        if complaint := _caller_cidr(one):
            return complaint if len(value) == 1 else f"has {one}, which {complaint}"
    return _unique(value)


def _caller_cidr(value: str) -> str | None:
    """As _cidr, but of IPv4: the rule of the builder's security group is one."""
    return _cidr(value) or ("should be an IPv4 network such as 203.0.113.7/32" if ":" in value else None)


def _open_cidr(value: str) -> str | None:
    """As _cidr, but the whole world is allowed: a hub is for browsers."""
    complaint = _cidr(value)
    return None if complaint == "would open ssh to everyone" else complaint


def _few(cidrs: tuple[str, ...]) -> str | None:
    """Amazon VPC quotas: 60 inbound rules in a security group, counted for IPv4 and IPv6 by themselves.

    A hub has two for each network (443 and 80), and needs room for its operator's own.
    """
    for name, count in (
        ("IPv4", sum(":" not in cidr for cidr in cidrs)),
        ("IPv6", sum(":" in cidr for cidr in cidrs)),
    ):
        if count > _MOST_OPEN_CIDRS:
            return (
                f"has {count} {name} networks: a security group has room for {_MOST_OPEN_CIDRS} "
                "(60 rules, two for each network)"
            )
    return None


def _ipv4_network(value: str) -> str | None:
    """As _cidr, but of IPv4: users' servers have no IPv6."""
    complaint = _open_cidr(value)
    if complaint:
        return complaint
    return None if ":" not in value else "should be an IPv4 network: users' servers have no IPv6"


def _user_network(value: str) -> str | None:
    """Each user number from 1500 to 59999 has an address in it, and none may hide a host of the internet."""
    complaint = _ipv4_network(value)
    if complaint:
        return complaint
    network = ipaddress.IPv4Network(value)
    if network.prefixlen > _SMALLEST_USER_NETWORK:
        return f"should be a /{_SMALLEST_USER_NETWORK} or wider: each user has an address in it"
    if not any(network.subnet_of(ipaddress.IPv4Network(private)) for private in _USER_NETWORKS):
        return f"should be part of a private network: {', '.join(_USER_NETWORKS)}"
    return None


def _parameter(value: str) -> str | None:
    """Systems Manager, PutParameter: names of up to 1011 characters, 15 levels, not under aws or ssm."""
    if not re.fullmatch(r"(/[A-Za-z0-9_.-]+)+", value):
        return (
            "should be a parameter name such as /hubsmith/jupyterhub/latest (letters, digits and _.- "
            "between slashes)"
        )
    if re.match(r"/(aws|ssm)", value, re.IGNORECASE):
        return "may not begin with /aws or /ssm, which AWS reserves"
    return (
        "has more than 15 levels or 1011 characters" if value.count("/") > 15 or len(value) > 1011 else None
    )


def parameter_problem(value: str) -> str | None:
    """What Systems Manager would refuse in the name of a parameter to be written, or None."""
    return _parameter(value)


def _template(value: str) -> str | None:
    unknown = [name for name in re.findall(r"\{([^}]*)\}", value) if name not in ("image", "channel")]
    if unknown:
        return f"has {{{unknown[0]}}} in it; only {{image}} and {{channel}} can stand there"
    return _parameter(value.replace("{image}", "x").replace("{channel}", "x"))


def _tags(tags: Mapping[str, str]) -> str | None:
    """EC2, CreateTags: 50 tags, keys of 1-128 characters not beginning with aws:, values of up to 256."""
    if len(tags) > MAX_TAGS:
        return f"has {len(tags)} tags; EC2 allows {MAX_TAGS}"
    for key, value in tags.items():
        if re.match(r"(aws|hubsmith):", key, re.IGNORECASE):
            return f"has the tag {key}: the prefixes aws: and hubsmith: are reserved"
        if not 1 <= len(key) <= 128 or len(value) > 256:
            return f"has the tag {key[:40]}: EC2 allows 128 characters for a key, 256 for a value"
    return None


def _tags_of_all(tags: Mapping[str, str]) -> str | None:
    """IAM and SSM allow fewer characters than EC2 (IAM, TagRole); Name is what Hubsmith calls a thing."""
    for key, value in tags.items():
        if key == "Name":
            return "has the tag Name, which Hubsmith sets itself"
        if not re.fullmatch(r"[\w .:/=+@-]*", key + value):
            return f"has the tag {key}: IAM allows letters, digits, spaces and _.:/=+-@ in keys and values"
    return _tags(tags)


def _cpu_limit(value: object) -> str | None:
    if isinstance(value, str) and re.fullmatch(_SHARE, value):
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and _FEWEST_PROCESSORS <= float(value) <= 1024:  # type: ignore[arg-type]
        return None
    return (
        "should be a number of processors such as 2.0, or a share of the machine's such as 75% (at least "
        f"{_FEWEST_PROCESSORS}: no server starts with less)"
    )


def _starts(value: object) -> str | None:
    if isinstance(value, str) and re.fullmatch(_SHARE, value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000:
        return None
    return "should be a number of servers from 1 to 1000, or a share of the machine's processors such as 100%"


def _memory(value: str) -> str | None:
    """A notebook server alone takes some 100 MiB."""
    if re.fullmatch(_SHARE, value):
        return None
    amount = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT])", value)
    if not amount:
        return "should be an amount such as 512M or 8G, or a share of the machine's such as 50%"
    mib = float(amount[1]) * {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1 << 20}[amount[2]]
    if mib < _LEAST_MEMORY_MIB:
        return f"should be at least {_LEAST_MEMORY_MIB}M: no server starts with less"
    return None


def _disk_limit(value: str) -> str | None:
    """A first start of JupyterLab and a small notebook take some megabytes."""
    amount = re.fullmatch(r"([1-9]\d*)([MGT])", value)
    if not amount:
        return "should be an amount such as 500M or 10G"
    mib = int(amount[1]) * {"M": 1, "G": 1024, "T": 1 << 20}[amount[2]]
    return None if mib >= _LEAST_DISK_MIB else f"should be at least {_LEAST_DISK_MIB}M"


def _email(value: str) -> str | None:
    """An address as RFC 5321 has it without quotes, at a host name with two labels at least."""
    local, at, domain = value.rpartition("@")
    labels = domain.split(".")
    right = (
        at
        and len(value) <= 254
        and re.fullmatch(r"[A-Za-z0-9_+%&=~-]+(\.[A-Za-z0-9_+%&=~-]+)*", local)
        and len(local) <= 64
        and len(labels) > 1
        and all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", label) for label in labels)
    )
    return None if right else "should be an address such as you@your-university.edu"


def _public_key(value: str) -> str | None:
    """The name of the kind stands in the key itself as well (RFC 4253, 6.6), so that a cut one is noticed."""
    kind, _, rest = value.partition(" ")
    try:
        content = base64.b64decode(rest.split(" ")[0], validate=True)
    except ValueError:
        content = b""
    named = content[4 : 4 + int.from_bytes(content[:4], "big")].decode("ascii", "replace")
    whole = re.fullmatch(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+", kind) and kind == named and len(content) > 40
    return None if whole and "\n" not in value else "should be the whole line of an OpenSSH .pub file"


def _region(value: str) -> str | None:
    from build.aws import regions  # botocore takes its time

    known = regions.known()
    if value in known:
        return None
    near = difflib.get_close_matches(value, known, n=1)
    return f"{value} is not an AWS region{f'; did you mean {near[0]!r}?' if near else ''}"


Tags = Annotated[Mapping[str, str], checked(_tags), Frozen, Thawed]
TagsOfAll = Annotated[Mapping[str, str], checked(_tags_of_all), Frozen, Thawed]
>>>>>>> newcomer
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
