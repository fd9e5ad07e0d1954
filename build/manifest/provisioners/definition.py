"""What can be written into provisioners/<name>/provisioner.yaml, and a provisioner as a manifest uses it."""

from __future__ import annotations

import difflib
import functools
import math
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from build.manifest.schema import fields as f
from build.manifest.schema.fields import Section

DEFAULT_TIMEOUT_MINUTES = 30
VariableType = Literal["string", "integer", "number", "boolean", "list", "mapping"]

RESERVED = re.compile(
    "bash.*|hubsmith_.*|ld_.*|lc_.*|ps4|debian_frontend|editor|env|euid|home|hostname|ifs|lang|logname|mail|oldpwd|path|ppid|pwd"
    "|pythonhome|pythonpath|shell|shellopts|shlvl|temp|term|tmp|tmpdir|tz|uid|user"
)
"""Variables reach install.sh in upper case and without a prefix: these names would change how bash or its
tools work.
"""


def _variable_name(value: str) -> str | None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        return "should be a name of small letters, digits and _"
    if RESERVED.fullmatch(value):
        return f"would overwrite {value.upper()}, which the shell or its tools use: choose another name"
    return None


def _regular_expression(value: str) -> str | None:
    try:
        re.compile(value)
    except re.error as error:
        return f"should be a regular expression ({error})"
    return None


def _timezone_problem(value: str) -> str | None:
    """Why there is no such time zone; only its form counts where this machine has no database of them."""
    known = _timezones()
    if value in known or (not known and re.fullmatch(r"[A-Za-z][\w+-]*(/[\w+-]+)*", value)):
        return None
    near = difflib.get_close_matches(value, known, n=1)
    return f"should be a time zone{f' such as {near[0]}' if near else ' such as Europe/Berlin'}"


@functools.cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())  # reads the head of each of some 600 files


class Variable(Section):
    """One variable of a provisioner: `value of the manifest's entry, else from, else default`."""

    default: Annotated[Any, f.Frozen, f.Thawed] = Field(
        default=None, description="Value if the manifest has none"
    )
    from_: str | None = Field(
        default=None,
        alias="from",
        description="Key of the manifest it takes its value from, such as hub.admin_users",
    )
    type: VariableType | None = Field(
        default=None, description="Type of the value; absent: that of the default"
    )
    description: str = Field(default="", description="What it is for")
    required: bool = Field(default=False, description="Whether the manifest must set it")
    pattern: Annotated[str, f.checked(_regular_expression)] | None = Field(
        default=None, description="Regular expression that the whole value must match; in a list, each entry"
    )
    choices: tuple[str | int | float, ...] | None = Field(
        default=None, min_length=1, description="Allowed values"
    )
    minimum: int | float | None = Field(default=None, description="Smallest allowed number")
    maximum: int | float | None = Field(default=None, description="Largest allowed number")
    multiline: bool = Field(default=False, description="Text may have several lines")
    format: Literal["timezone"] | None = Field(
        default=None, description="timezone: a name of the time zone database"
    )

    @property
    def kind(self) -> VariableType | None:
        """The declared type, else that of the default, else None: anything goes."""
        return self.type or (None if self.default is None else type_of(self.default))

    @model_validator(mode="after")
    def _consistent(self) -> Variable:
        if self.required and self.default is not None:
            raise ValueError("is required and has a default: leave one out")
        complaint = mismatch(self.default, self.type) or self.complaint(self.default)
        if complaint:
            raise ValueError(f"has a default that {complaint}")
        return self

    def complaint(self, value: object) -> str | None:
        """Why it cannot have a value of the right type, or None. Null is always allowed."""
        if value is None:
            return None
        if self.choices is not None and value not in self.choices:
            return f"should be {' or '.join(map(repr, self.choices))}"
        items = value if isinstance(value, list | tuple) else [value]
        texts = [item for item in items if isinstance(item, str)]
        if not self.multiline and any(re.search(r"[\0-\x08\n-\x1f\x7f]", text) for text in texts):
            return "should be one line of text"
        if self.pattern is not None and not all(re.fullmatch(self.pattern, text) for text in texts):
            return f"should match {self.pattern}"
        if self.format == "timezone" and texts:
            return _timezone_problem(texts[0])
        return self._out_of_range(value)

    def _out_of_range(self, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if self.minimum is not None and value < self.minimum:
            return f"should be at least {self.minimum}"
        return (
            f"should be at most {self.maximum}" if self.maximum is not None and value > self.maximum else None
        )


class FileMode(Section):
    """Owner, group and mode of one file below files/."""

    mode: Annotated[str, f.matching(r"0?[0-7]{3,4}", 'an octal mode in quotes, such as "0640"')] = "0644"
    owner: f.UserName = "root"
    group: f.UserName = "root"


@dataclass(frozen=True)
class Ownership:
    """Mode bits, owner and group of a file on the instance."""

    mode: int
    owner: str = "root"
    group: str = "root"


AbsolutePath = Annotated[
    str, f.matching(r"(/[^/\n]+)+", "the path the file has on the machine, beginning with /")
]


def _empty_is_no_keys(value: object) -> object:
    return {} if value is None else value


class LockSettings(Section):
    """That it installs the users' packages. It reads the variables distribution, packages and, if it has
    them, conda_packages, channels, installers, accept_terms, extensions, hub_version and environments, and
    gets of them what its distribution uses (distributions.py); what the manifest's lock says is beside its
    install.sh: lock/conda.txt and lock/pip.txt, and the same two below lock/environments/NAME/.
    """

    requirements: f.RelativeFile | None = Field(
        default=None, description="File in its folder: packages that pip always installs"
    )
    optional: f.RelativeFile | None = Field(
        default=None,
        description="File in its folder: those packages of `requirements` that are installed only if its "
        "variable extensions names them",
    )
    constraints: f.RelativeFile | None = Field(
        default=None, description="File in its folder: its own pins, which apply to a lock too"
    )
    overrides: f.RelativeFile | None = Field(
        default=None,
        description="File in its folder: versions to install whatever other packages ask for (uv's "
        "--override), in a lock too",
    )

    environments: tuple[str, ...] = Field(
        default=(),
        description="Names of packages that each of the variable environments has in any case, such as the "
        "kernel",
    )

    def files(self) -> tuple[tuple[str, str | None], ...]:
        """(key, file of the provisioner's folder) of each list it can name."""
        return (
            ("requirements", self.requirements),
            ("optional", self.optional),
            ("constraints", self.constraints),
            ("overrides", self.overrides),
        )


class Definition(Section):
    """provisioner.yaml: what a provisioner does, needs and reads."""

    summary: Annotated[str, f.matching(r"\S.*", "one sentence")] = Field(
        description="What it does, in one sentence"
    )
    needs: tuple[f.ProvisionerName, ...] = Field(
        default=(), description="Provisioners that have to come before it"
    )
    timeout_minutes: f.Minutes = Field(
        default=DEFAULT_TIMEOUT_MINUTES, description="Time limit of install.sh"
    )
    variables: Annotated[
        Mapping[
            Annotated[str, f.checked(_variable_name)], Annotated[Variable, BeforeValidator(_empty_is_no_keys)]
        ],
        f.Frozen,
        f.Thawed,
    ] = Field(default={}, description="What it reads")
    lock: LockSettings | None = Field(default=None, description="It installs what the manifest's lock pins")
    files: Annotated[Mapping[AbsolutePath, FileMode], f.Frozen, f.Thawed] = Field(
        default={}, description="Owner, group and mode of files that are not root:root, 0644 or 0755"
    )

    @property
    def ownership(self) -> Mapping[str, Ownership]:
        """`files` with the modes as bits."""
        return {
            path: Ownership(int(entry.mode, 8), entry.owner, entry.group)
            for path, entry in self.files.items()
        }


@dataclass(frozen=True)
class ProvisionerUse:
    """A provisioner in its place in a manifest: its folder, its definition and the values it gets.

    `definition` is that of provisioner.yaml with what the manifest's entry overrides (the time limit).
    `lock_files` are texts that stand beside its install.sh, lock/<name>.txt: those of the manifest's lock.
    """

    name: str
    folder: Path
    definition: Definition
    values: Mapping[str, object]
    lock_files: Mapping[str, str] = field(default_factory=dict)


def type_of(value: object) -> VariableType | None:
    """The name this file has for the type of a value; None for null and for types a shell lacks (dates)."""
    if isinstance(value, bool):
        return "boolean"
    kinds: tuple[tuple[type | tuple[type, ...], VariableType], ...] = (
        (str, "string"),
        (int, "integer"),
        (float, "number"),
        ((list, tuple), "list"),
        (Mapping, "mapping"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), None)


IN_WORDS: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "mapping": "a mapping",
}


def mismatch(value: object, kind: VariableType | None) -> str | None:
    """Why `value` cannot be given to a variable of this type ("should be a list"), or None.

    Null is given to any.
    """
    actual = type_of(value)
    if value is None or (kind == "number" and actual == "integer"):
        return None
    if kind is not None and actual is not None and kind != actual:
        return f"should be {IN_WORDS[kind]}"
    if isinstance(value, list | tuple) and any(isinstance(item, str) and "\n" in item for item in value):
        return "should have no line breaks in its entries (a script gets one entry a line)"
    return _unfit(value)


def _unfit(value: object) -> str | None:
    """Why neither a shell nor JSON could carry the value."""
    if value is not None and type_of(value) is None:
        return "should be put in quotes"
    if isinstance(value, float) and not math.isfinite(value):
        return "should be a finite number"
    if isinstance(value, str) and "\0" in value:
        return "should have no NUL characters"
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return next((complaint for complaint in map(_unfit, inner) if complaint), None)
