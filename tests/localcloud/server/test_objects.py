"""S3's buckets and objects are kept as the rest, each object in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import s3_backends

from build.aws.session import client
from localcloud.server import objects, state_store
from localcloud.server.objects import ObjectFiles
from localcloud.server.services import SERVICES
from tests.pretended_cloud import PretendedCloud, pretended_cloud

ONLY_S3 = {"s3": SERVICES["s3"], "ssm": SERVICES["ssm"]}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        ObjectFiles.use(tmp_path)
        monkeypatch.setattr(ObjectFiles, "loaded", set())
        yield cloud
        ObjectFiles.folder = None


@pytest.fixture
def s3(cloud: PretendedCloud) -> Any:
    made = client(cloud.clients.cloud, "s3")
    made.create_bucket(Bucket="images")
    return made


def restart(tmp_path: Path) -> None:
    """Write the state down, forget it and read it again."""
    path = tmp_path / state_store.FILE_NAME
    path.write_bytes(state_store.dump(ONLY_S3))
    for account in SERVICES["s3"].values():
        account.clear()
    s3_backends.bucket_accounts.clear()
    ObjectFiles.loaded.clear()
    state_store.load(path, ONLY_S3)
    objects.restored()


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "objects").iterdir())


def text(s3: Any, key: str, **more: Any) -> str:
    return str(s3.get_object(Bucket="images", Key=key, **more)["Body"].read().decode())


def test_objects_survive_a_restart(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket="images", Key="a/b", Body=b"hello", Metadata={"of": "me"})
    restart(tmp_path)
    assert [found["Name"] for found in s3.list_buckets()["Buckets"]] == ["images"]
    assert text(s3, "a/b") == "hello"
    assert s3.head_object(Bucket="images", Key="a/b")["Metadata"] == {"of": "me"}
    s3.put_object(Bucket="images", Key="a/b", Body=b"again")
    restart(tmp_path)
    assert text(s3, "a/b") == "again"
    assert s3.create_bucket(Bucket="others")


def test_the_state_names_them_and_does_not_hold_them(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket="images", Key="a", Body=b"0123456789" * 100_000)
    s3.put_object(Bucket="images", Key="same", Body=b"0123456789" * 100_000)
    restart(tmp_path)
    assert (tmp_path / state_store.FILE_NAME).stat().st_size < 100_000
    assert [file.stat().st_size for file in files(tmp_path)] == [1_000_000]


def test_every_version_is_kept(s3: Any, tmp_path: Path) -> None:
    s3.put_bucket_versioning(Bucket="images", VersioningConfiguration={"Status": "Enabled"})
    first, _ = (
        s3.put_object(Bucket="images", Key="a", Body=body)["VersionId"] for body in (b"first", b"second")
    )
    restart(tmp_path)
    assert (text(s3, "a"), text(s3, "a", VersionId=first)) == ("second", "first")


def test_an_upload_in_parts_goes_on(s3: Any, tmp_path: Path) -> None:
    asked: Any = {"Bucket": "images", "Key": "a"}
    upload = s3.create_multipart_upload(**asked)["UploadId"]
    part = s3.upload_part(**asked, UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    restart(tmp_path)
    done = {"Parts": [{"ETag": part, "PartNumber": 1}]}
    s3.complete_multipart_upload(**asked, UploadId=upload, MultipartUpload=done)
    assert text(s3, "a") == "part"


def test_files_that_nobody_needs_go_at_the_next_start(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket="images", Key="a", Body=b"hello")
    restart(tmp_path)
    assert len(files(tmp_path)) == 1
    s3.delete_object(Bucket="images", Key="a")
    restart(tmp_path)
    assert files(tmp_path) == []


def test_without_a_folder_they_are_in_the_state(s3: Any, tmp_path: Path) -> None:
    ObjectFiles.folder = None
    s3.put_object(Bucket="images", Key="a", Body=b"hello")
    restart(tmp_path)
    assert text(s3, "a") == "hello"
