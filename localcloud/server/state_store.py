"""The kept state: moto's backends in one file, so that the cloud survives `down`, `up` and `kill -9`.

The file is one line of JSON (what it is, so that it can be judged without being read) and a pickle:

    {"schema": 1, "moto": "5.2.5", "boot_id": "…"}
    <pickle of {service: {(account, region): backend}}>

Pickle, because moto's models are plain objects that know each other; the file lies in a folder of the user's
own (mode 0700).
"""

from __future__ import annotations

import copyreg
import errno
import io
import json
import logging
import os
import pickle
import threading
from collections import defaultdict
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from moto import __version__ as moto_version
from moto.core.base_backend import BackendDict
from moto.kms.utils import ECDSAPrivateKey, RSAPrivateKey
from moto.ssm.models import ParameterDict, SimpleSystemManagerBackend

_log = logging.getLogger("hubsmith.localcloud.state")

SCHEMA = 1  # raise it when a model's attributes change so that an older file would mislead
FILE_NAME = "state.pickle"
BALLAST_NAME, BALLAST_BYTES = "state.ballast", 4 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)

Services = Mapping[str, "BackendDict[Any]"]

_MOVED = {"localcloud.state": __name__}
_RENAMED = {
    ("localcloud.cloudformation.kinds.kind", "Made"): (
        "localcloud.cloudformation.resource_types.resource_type",
        "PhysicalResource",
    )
}
"""Modules and classes that state files of Hubsmith 0.1 name, and what they are now. There the local cloud was
a part of build/.
"""


class UnreadableStateError(Exception):
    """The kept state cannot be used; the message says why."""


@dataclass(frozen=True)
class Header:
    """What a state file says about itself."""

    schema: int
    moto: str
    boot_id: str


def boot_id() -> str:
    """Different after each start of this computer; empty where the kernel does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def dump(services: Services) -> bytes:
    """The whole state; whoever calls holds the lock that guards it."""
    for account in services["ssm"].values():
        for backend in account.values():
            _make_picklable(backend)
    content = {
        name: {(account, region): found for account, region, found in known.iter_backends()}
        for name, known in services.items()
    }
    header = {"schema": SCHEMA, "moto": moto_version, "boot_id": boot_id()}
    return json.dumps(header).encode() + b"\n" + pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)


def _tag_table() -> defaultdict[str, dict[str, str]]:
    return defaultdict(dict)


def _make_picklable(ssm_backend: SimpleSystemManagerBackend) -> None:
    """SSM keeps its tags in a defaultdict with a lambda, which pickle refuses: the same with a function that
    has a name.
    """
    if ssm_backend._resource_tags.default_factory is not _tag_table:
        ssm_backend._resource_tags = defaultdict(_tag_table, ssm_backend._resource_tags)


def _reduce_parameters(parameters: ParameterDict) -> tuple[object, ...]:
    """SSM's parameters are a defaultdict whose constructor takes other arguments than pickle gives it."""
    made_with = (parameters.account_id, parameters.region_name)
    return ParameterDict, made_with, parameters.__dict__, None, iter(dict.items(parameters))


copyreg.pickle(ParameterDict, _reduce_parameters)  # type: ignore[arg-type]  # typeshed knows the short forms only


def _reduce_private_key(key: RSAPrivateKey | ECDSAPrivateKey) -> tuple[object, ...]:
    """The private keys of KMS are objects of OpenSSL: they go as PKCS #8."""
    der = key.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return _private_key, (type(key), der, {**vars(key), "private_key": None})


def _private_key(
    kind: type[RSAPrivateKey | ECDSAPrivateKey], der: bytes, state: dict[str, Any]
) -> RSAPrivateKey | ECDSAPrivateKey:
    made = kind.__new__(kind)
    made.__dict__ = {**state, "private_key": load_der_private_key(der, None)}
    return made


copyreg.pickle(RSAPrivateKey, _reduce_private_key)  # type: ignore[arg-type]  # as above
copyreg.pickle(ECDSAPrivateKey, _reduce_private_key)  # type: ignore[arg-type]  # as above


class _Unpickler(pickle.Unpickler):
    """Finds what has moved since the file was written."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401  # as pickle has it
        """The class or function of that name."""
        today = module.removeprefix("build.") if module.startswith("build.localcloud.") else module
        return super().find_class(*_RENAMED.get((today, name), (_MOVED.get(today, today), name)))


def load(path: Path, services: Services) -> Header | None:
    """Put the kept backends in place; None when there is no file. Raises UnreadableStateError."""
    try:
        line, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    try:
        header = Header(**json.loads(line))
    except (ValueError, TypeError) as problem:
        raise UnreadableStateError(f"{path} is not a state file: {problem}") from problem
    if header.schema != SCHEMA:
        raise UnreadableStateError(
            f"{path} was written by another version of Hubsmith (schema {header.schema}, this one reads "
            f"{SCHEMA})"
        )
    if header.moto != moto_version:
        _log.warning("the state was written by moto %s, this is %s", header.moto, moto_version)
    try:
        content = _Unpickler(io.BytesIO(body)).load()  # our own file, in a folder nobody else can write to
    except Exception as problem:
        raise UnreadableStateError(
            f"{path}, written by moto {header.moto}, cannot be read by moto {moto_version}: {problem!r}"
        ) from problem
    for name, backends in content.items():
        for (account, region), backend in backends.items():
            # Not [region] = …: asking for a region makes an empty backend first.
            dict.__setitem__(services[name][account], region, backend)
    return header


class StateStore:
    """Writes the state; each file is complete (written beside, synced, renamed), and an older one never
    replaces a newer.
    """

    def __init__(self, folder: Path, services: Services, lock: AbstractContextManager[object]) -> None:
        self.path = folder / FILE_NAME
        self._services = services
        self._lock = lock
        self._writing = threading.Lock()
        self._taken = self._written = 0
        self.problem = ""  # why the newest state is not on disk; empty when it is

    def save(self) -> None:
        """Write the state; returns when it is on disk, or with `problem` set when the disk refuses it: then
        the file is the older one.

        It does not raise, because what it is called for has been done already; the watchdog tries again until
        it succeeds.
        """
        with self._lock:
            content = dump(self._services)
            self._taken += 1
            number = self._taken
        with self._writing:
            if number > self._written:
                self._write(content, number)

    def _write(self, content: bytes, number: int) -> None:
        ballast = self.path.with_name(BALLAST_NAME)
        try:
            try:
                _replace(self.path, content)
            except OSError as problem:
                if problem.errno not in FULL or not ballast.exists():
                    raise
                ballast.unlink()
                _replace(self.path, content)
        except OSError as problem:
            self.problem = f"{self.path} cannot be written: {problem.strerror}"
            _log.error("%s; the state of before is kept", self.problem)  # the traceback tells no more
            return
        self.problem, self._written = "", number
        _lay_up(ballast)


def _lay_up(ballast: Path) -> None:
    """Keep some space for the next time the disk is full, so that removals can be written down then."""
    if ballast.exists():
        return
    draft = ballast.with_suffix(".new")
    try:
        with draft.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
        draft.replace(ballast)
    except OSError:
        draft.unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".new")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
