"""S3's objects as files: the kept state names them, and each is written once.

A file is called by the digest of what it holds, so that what the state on disk names is never changed: a
state that is written before or after a `kill -9` finds its objects. Files that no object needs are removed at
the next start.
"""

from __future__ import annotations

import copyreg
import hashlib
import logging
import os
import threading
from pathlib import Path
from typing import Any, ClassVar, cast

from moto.s3.models import FakeKey, S3Backend, S3BackendDict, s3_backends
from moto.s3.utils import _VersionedKeyStore

_log = logging.getLogger("hubsmith.localcloud.objects")

FOLDER = "objects"
_KEPT = "_hubsmith_kept"


class ObjectFiles:
    """Where the objects of this process's cloud are; without a folder they go into the state itself."""

    folder: ClassVar[Path | None] = None
    loaded: ClassVar[set[str]] = set()
    """The names of those that the state names that was read."""

    @classmethod
    def use(cls, folder: Path) -> None:
        """Keep objects below the folder of a cloud from now on."""
        cls.folder = folder / FOLDER
        cls.folder.mkdir(mode=0o700, exist_ok=True)

    @classmethod
    def write(cls, folder: Path, value: bytes) -> str:
        """The name of the file that holds the value; it is on disk then."""
        name = hashlib.sha256(value).hexdigest()
        path = folder / name
        if not path.exists():
            draft = folder / f"{name}.new"
            with draft.open("wb") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        return name


def _reduce_key(key: FakeKey) -> tuple[object, ...]:
    state = dict(key.__dict__)
    state.pop("_value_buffer"), state.pop("lock")
    kept = state.pop(_KEPT, None)
    if ObjectFiles.folder is None:
        return _key, (key.__getstate__(), None)
    version = (key.last_modified, key.contentsize, key.etag)
    if kept is None or kept[0] != version:
        kept = (version, ObjectFiles.write(ObjectFiles.folder, key.__getstate__()["value"] or b""))
        key.__dict__[_KEPT] = kept
    return _key, (state, kept[1])


def _key(state: dict[str, Any], name: str | None) -> FakeKey:
    made = cast(FakeKey, FakeKey.__new__(FakeKey))  # whose annotation is that of its base
    made.lock = threading.Lock()
    if name is not None:
        if ObjectFiles.folder is None:
            raise FileNotFoundError(f"object {name}")
        ObjectFiles.loaded.add(name)
        state = {**state, "value": (ObjectFiles.folder / name).read_bytes()}
    made.__setstate__(state)
    return made


def _reduce_store(store: _VersionedKeyStore) -> tuple[object, ...]:
    """A dict whose items are the newest versions only: pickle would forget the others."""
    return _store, ({name: store.getlist(name) for name in dict.keys(store)},)


def _store(versions: dict[str, list[Any]]) -> _VersionedKeyStore:
    made = _VersionedKeyStore()
    for name, some in versions.items():
        made.setlist(name, some)
    return made


copyreg.pickle(FakeKey, _reduce_key)  # type: ignore[arg-type]  # typeshed knows the short forms only
copyreg.pickle(_VersionedKeyStore, _reduce_store)  # type: ignore[arg-type]  # as above


def restored() -> None:
    """After a start: tell moto who has which bucket, and remove the files that no object needs."""
    backends: S3BackendDict = s3_backends
    for account, partition, backend in backends.iter_backends():
        for name in cast(S3Backend, backend).buckets:
            backends.bucket_accounts[name] = (partition, account)
    if ObjectFiles.folder is None:
        return
    for path in ObjectFiles.folder.iterdir():
        if path.name not in ObjectFiles.loaded:
            _log.info("removing object %s", path.name)
            path.unlink()
