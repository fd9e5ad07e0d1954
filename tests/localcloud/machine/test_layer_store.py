"""Layers of a local cloud; what calls qemu-img is marked vm, so that the rest needs no QEMU."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from build.errors import MachineError
from localcloud.machine.layer_store import GIB, LayerStore, run_qemu_img


@pytest.fixture
def store(tmp_path: Path) -> LayerStore:
    return LayerStore(tmp_path / "layers")


@pytest.fixture
def base_image(tmp_path: Path) -> Path:
    path = tmp_path / "cache" / "base.qcow2"
    path.parent.mkdir()
    run_qemu_img("create", "-q", "-f", "qcow2", path, "2G")
    return path


def layers(store: LayerStore) -> set[str]:
    return {path.stem for path in store.folder.glob("*.qcow2")}


def write(store: LayerStore, layer: str, text: str, offset: int = 0) -> None:
    """Put text into the guest's view of a layer with the tool QEMU tests its disks with."""
    pattern = ord(text)
    os.system(f"qemu-io -f qcow2 -c 'write -q -P {pattern} {offset} 4096' {store.path(layer)}")


def holds(store: LayerStore, layer: str, text: str, offset: int = 0) -> bool:
    return (
        os.system(
            f"qemu-io -r -f qcow2 -c 'read -q -P {ord(text)} {offset} 4096' {store.path(layer)} >/dev/null"
        )
        == 0
    )


def test_without_qemu_img_the_error_says_what_to_install(
    store: LayerStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match="qemu-img is not installed") as caught:
        store.create_blank("vol-1", 1)
    assert caught.value.hint == "apt install qemu-utils"


def test_an_imported_base_outlives_the_cache(store: LayerStore, tmp_path: Path) -> None:
    source = tmp_path / "base.qcow2"
    source.write_bytes(b"image")
    store.import_base("snap-1", source)
    source.unlink()
    assert store.path("snap-1").read_bytes() == b"image"


def test_a_layer_is_never_overwritten(store: LayerStore, tmp_path: Path) -> None:
    source = tmp_path / "base.qcow2"
    source.write_bytes(b"image")
    store.import_base("snap-1", source)
    with pytest.raises(MachineError, match="layer snap-1 exists already"):
        store.import_base("snap-1", source)


def test_importing_what_is_not_there_is_an_error(store: LayerStore, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="No such file"):
        store.import_base("snap-1", tmp_path / "missing.qcow2")


def test_actual_size_counts_what_is_allocated(store: LayerStore, tmp_path: Path) -> None:
    source = tmp_path / "base.qcow2"
    with source.open("wb") as file:
        file.truncate(GIB)
        file.write(b"x" * 65536)
    store.import_base("snap-1", source)
    assert 65536 <= store.actual_size("snap-1") < 1 << 20


@pytest.mark.vm
class TestWithQemuImg:
    def test_a_base_on_another_file_system_is_overlaid(
        self, store: LayerStore, base_image: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "link", _cross_device)
        store.import_base("snap-1", base_image)
        assert store.virtual_size("snap-1") == 2 * GIB
        assert str(base_image) in run_qemu_img("info", store.path("snap-1"))

    def test_an_overlay_sees_its_parent_and_keeps_its_own_writes(self, store: LayerStore) -> None:
        store.create_blank("snap-1", 1)
        write(store, "snap-1", "p")
        store.create_overlay("vol-1", "snap-1", 1)
        store.create_overlay("vol-2", "snap-1", 1)
        write(store, "vol-1", "c")
        assert holds(store, "vol-1", "c")
        assert holds(store, "vol-2", "p")
        assert holds(store, "snap-1", "p")

    def test_an_overlay_may_be_larger_but_not_smaller(self, store: LayerStore) -> None:
        store.create_blank("snap-1", 2)
        store.create_overlay("vol-1", "snap-1", 5)
        assert store.virtual_size("vol-1") == 5 * GIB
        with pytest.raises(MachineError, match="1 GiB is smaller than its parent snap-1 \\(2 GiB\\)"):
            store.create_overlay("vol-2", "snap-1", 1)
        assert layers(store) == {"snap-1", "vol-1"}

    def test_an_overlay_on_nothing_is_an_error(self, store: LayerStore) -> None:
        store.create_blank("snap-1", 1)
        with pytest.raises(MachineError, match="snap-missing"):
            store.create_overlay("vol-1", "snap-missing", 1)

    def test_layers_survive_a_move_of_their_folder(self, store: LayerStore, tmp_path: Path) -> None:
        store.create_blank("snap-1", 1)
        write(store, "snap-1", "p")
        store.create_overlay("vol-1", "snap-1", 1)
        store.folder.rename(tmp_path / "moved")
        assert holds(LayerStore(tmp_path / "moved"), "vol-1", "p")

    def test_garbage_collection_keeps_what_something_stands_on(
        self, store: LayerStore, base_image: Path
    ) -> None:
        store.import_base("base", base_image)
        store.create_overlay("vol-1", "base", 2)
        store.create_overlay("vol-2", "vol-1", 2)
        store.create_overlay("vol-3", "vol-1", 2)
        store.create_blank("vol-4", 1)
        store.delete_unreferenced({"vol-2"})
        assert layers(store) == {"base", "vol-1", "vol-2"}
        store.delete_unreferenced({"base"})
        assert layers(store) == {"base"}
        store.delete_unreferenced(set())
        assert layers(store) == set()
        assert base_image.exists()

    def test_garbage_collection_never_leaves_its_folder(
        self, store: LayerStore, base_image: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "link", _cross_device)
        store.import_base("base", base_image)
        store.create_overlay("vol-1", "base", 2)
        store.delete_unreferenced({"vol-1"})
        assert layers(store) == {"base", "vol-1"}
        store.delete_unreferenced(set())
        assert base_image.exists()

    def test_an_unreadable_chain_deletes_nothing(self, store: LayerStore) -> None:
        store.create_blank("vol-1", 1)
        store.create_blank("vol-2", 1)
        store.path("vol-1").write_bytes(b"QFI\xfb garbage")
        with pytest.raises(MachineError):
            store.delete_unreferenced({"vol-1"})
        assert layers(store) == {"vol-1", "vol-2"}


def _cross_device(*_: object) -> None:
    raise OSError(errno.EXDEV, "Invalid cross-device link")
