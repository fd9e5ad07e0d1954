"""The options that choose a manifest and a cloud; a command gets them as `ManifestOptions`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from invoke import Context

from build.commands.command import Command, command

if TYPE_CHECKING:
    from build.manifest import Manifest

SHIPPED = "manifest.yaml"
# An option that may be given again. Invoke makes a list only of one whose default is None.
Several = list[str] | None
_HELP = {
    "manifest": f"FILE  The manifest to read (default: {SHIPPED})",
    "cloud": "local|aws  Where to work (default: the manifest's cloud)",
    "profile": "NAME  Apply this profile of the manifest; can be repeated",
    "set": "KEY=VALUE  Override a value: builder.root_volume.size_gib=20; can be repeated",
}


@dataclass(frozen=True)
class ManifestOptions:
    """What was given; each field is an option of that name."""

    manifest: str = SHIPPED
    cloud: str = ""
    profile: Several = None
    set: Several = None

    def load(self, *, building: bool = False) -> Manifest:
        """The manifest they ask for. Raises UserError, or ManifestError with every mistake.

        ``building``: the terms of what is to be installed have to be accepted.
        """
        from build import bash
        from build.manifest import load

        return load(
            Path(self.manifest).expanduser(),
            profiles=self.profile or (),
            cloud=self.cloud or None,
            overrides=self.set or (),
            building=building,
            bash=bash.complaint,
        )


_Body = Callable[..., None]
_PLAIN = inspect.Parameter.POSITIONAL_OR_KEYWORD
_CONTEXT_AND_OPTIONS = [
    inspect.Parameter("_", _PLAIN),
    *(inspect.Parameter(each.name, _PLAIN, default=each.default) for each in fields(ManifestOptions)),
]


def manifest_task(
    *, help: Mapping[str, str] = MappingProxyType({}), iterable: Iterable[str] = (), **settings: object
) -> Callable[[_Body], Command]:
    """A task like Invoke's own, whose function gets ManifestOptions where another gets a Context; the options
    come before its own.
    """

    def declare(body: _Body) -> Command:
        @wraps(body)
        def run(_: Context, **given: Any) -> None:  # noqa: ANN401  # the command's own signature has their types
            body(ManifestOptions(**{name: given.pop(name) for name in _HELP}), **given)

        own = list(inspect.signature(body).parameters.values())[1:]
        run.__signature__ = inspect.Signature([*_CONTEXT_AND_OPTIONS, *own])  # type: ignore[attr-defined]  # Invoke reads options off it
        return command(help=_HELP | dict(help), iterable=["profile", "set", *iterable], **settings)(run)

    return declare
