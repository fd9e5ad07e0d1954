"""Who may keep how much, and the inodes that are kept for the hub; the kernel's quotas are a dictionary."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

GIB = 2**30
COMMON = 655_360  # inodes of 10G


@pytest.fixture
def limits(
    program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The module, on a machine with ada (2001) and bob (2002); `limits.kernel` is {uid: Quota}."""
    module = program("hubsmith_hub.disk_limits")
    quota = module.quota
    kernel: dict[int, Any] = {2001: quota.Quota(0, 0, GIB, 100), 2002: quota.Quota(0, 0, 2 * GIB, 200)}

    def put(_: str, uid: int, max_bytes: int, max_inodes: int) -> None:
        kernel[uid] = quota.Quota(max_bytes, max_inodes, kernel[uid].used_bytes, kernel[uid].used_inodes)

    monkeypatch.setattr(quota, "device", lambda: "/dev/vdb")
    monkeypatch.setattr(quota, "are_on", lambda _: True)
    monkeypatch.setattr(quota, "turn_on", lambda _: True)
    monkeypatch.setattr(quota, "get", lambda _, uid: kernel[uid])
    monkeypatch.setattr(quota, "put", put)
    monkeypatch.setattr(module, "users", lambda: {"ada": 2001, "bob": 2002})
    monkeypatch.setattr(module, "kernel", kernel, raising=False)
    monkeypatch.setattr(module, "SETTINGS", tmp_path / "disk.json")
    monkeypatch.setattr(module, "FROZEN", tmp_path / "run" / "frozen.json")
    monkeypatch.setattr(module.registry, "FOLDER", tmp_path / "data")
    monkeypatch.setattr(module.spare, "FOLDER", tmp_path / "data" / "spare")
    (tmp_path / "disk.json").write_text('{"limit": "10G"}')
    return module


def set_now(limits: ModuleType) -> dict[int, tuple[int, int]]:
    return {uid: (one.max_bytes, one.max_inodes) for uid, one in limits.kernel.items()}


def uses(limits: ModuleType, uid: int, size: int, inodes: int) -> None:
    limits.kernel[uid] = limits.quota.Quota(0, 0, size, inodes)


def test_everybody_has_the_limit_of_the_image(limits: ModuleType) -> None:
    assert limits.apply()
    assert set_now(limits) == {2001: (10 * GIB, COMMON), 2002: (10 * GIB, COMMON)}


def test_a_limit_of_one_user_holds_at_once_and_on_the_next_image(limits: ModuleType) -> None:
    limits.change("ada", "50G")
    assert set_now(limits)[2001] == (50 * GIB, 5 * COMMON)
    limits.SETTINGS.write_text('{"limit": "5G"}')
    limits.apply()
    assert set_now(limits) == {2001: (50 * GIB, 5 * COMMON), 2002: (5 * GIB, COMMON // 2)}
    limits.change("ada", "default")
    assert set_now(limits)[2001] == (5 * GIB, COMMON // 2)
    limits.change("ada", "none")
    assert set_now(limits)[2001] == (0, 0)


def test_null_in_the_manifest_is_no_limit(limits: ModuleType) -> None:
    limits.SETTINGS.write_text('{"limit": null}')
    limits.apply()
    assert set_now(limits) == {2001: (0, 0), 2002: (0, 0)}


def test_a_small_limit_is_not_one_of_few_files(limits: ModuleType) -> None:
    assert limits.parse("500M").max_inodes == limits.FEWEST_INODES


@pytest.mark.parametrize("text", ["", "0G", "-1G", "50", "50GB", "50g", "all", "1e3G", "nan"])
def test_what_is_not_a_limit_is_refused_and_nothing_changes(limits: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        limits.change("ada", text)
    assert limits.own() == {}


class TestTheFirstBootWithLimits:
    def test_who_uses_much_gets_a_limit_of_their_own(self, limits: ModuleType) -> None:
        uses(limits, 2001, 30 * GIB, 1000)
        uses(limits, 2002, 8 * GIB, 1000)  # 80 % and no more
        assert set(limits.begin()) == {"ada"}
        limits.apply()
        assert set_now(limits) == {2001: (36 * GIB, COMMON), 2002: (10 * GIB, COMMON)}

    def test_who_has_many_files_too(self, limits: ModuleType) -> None:
        uses(limits, 2001, GIB, 1_000_000)
        limits.begin()
        limits.apply()
        assert set_now(limits)[2001] == (10 * GIB, 1_200_000)

    def test_a_boot_that_was_cut_off_before_the_end_does_it_again(
        self, limits: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uses(limits, 2001, 30 * GIB, 1000)
        with monkeypatch.context() as cut_off:
            cut_off.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("killed")))
            with pytest.raises(OSError, match="killed"):
                limits.begin()
        assert set(limits.begin()) == {"ada"}

    def test_no_later_boot_does(self, limits: ModuleType) -> None:
        assert limits.begin() == {}
        uses(limits, 2001, 30 * GIB, 1000)
        assert limits.begin() == {}

    def test_a_larger_limit_for_everybody_holds_for_them_too(self, limits: ModuleType) -> None:
        uses(limits, 2001, 30 * GIB, 1000)
        limits.begin()
        limits.SETTINGS.write_text('{"limit": "100G"}')
        limits.apply()
        assert set_now(limits)[2001][0] == 100 * GIB

    @given(st.integers(0, 2**50), st.integers(0, 10**9))
    def test_nobody_is_over_the_limit_after_it(
        self, program: Callable[[str], ModuleType], size: int, inodes: int
    ) -> None:
        module = program("hubsmith_hub.disk_limits")
        usual = module.parse("10G")
        limit = module.grown(module.quota.Quota(0, 0, size, inodes), usual) or usual
        assert size <= limit.max_bytes
        assert inodes <= limit.max_inodes


def test_a_broken_file_changes_no_limit(limits: ModuleType) -> None:
    limits.change("ada", "50G")
    (limits.registry.FOLDER / "disk-limits.json").write_text("{broken")
    before = set_now(limits)
    with pytest.raises(ValueError, match="no limit was changed"):
        limits.apply()
    limits.try_to_apply("ada")  # an account is made and a server starts all the same
    assert set_now(limits) == before


def test_a_volume_without_quotas_is_said(limits: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for question in ("are_on", "turn_on"):
        monkeypatch.setattr(limits.quota, question, lambda _: False)
    assert not limits.apply()
    assert limits.report() == []
    assert limits.begin() == {}
    assert not (limits.registry.FOLDER / "disk-limits.json").exists()  # it is begun where there are quotas


@pytest.mark.parametrize(
    ("size_gib", "told"),
    [(20, None), (19, "users' disk limits add up to 20.0 GiB, and the data volume has 19.0")],
)
def test_more_promised_than_there_is_is_told(limits: ModuleType, size_gib: int, told: str | None) -> None:
    limits.apply()
    assert limits.promised(limits.report(), size_gib * GIB) == told


def test_who_has_no_limit_is_counted(limits: ModuleType) -> None:
    limits.change("ada", "none")
    assert limits.promised(limits.report(), 100 * GIB) == "1 of 2 users have no disk limit"


class TestGuard:
    """The volume has a million inodes."""

    @pytest.fixture
    def guard(
        self, limits: ModuleType, program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
    ) -> ModuleType:
        module = program("hubsmith_hub.disk_guard")
        monkeypatch.setattr(os.path, "ismount", lambda _: True)
        limits.apply()
        limits.spare.fill(1000)
        monkeypatch.setattr(limits.spare, "MOST", 1000)
        return module

    def look(self, guard: ModuleType, monkeypatch: pytest.MonkeyPatch, free: int) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(guard.os, "statvfs", lambda _: SimpleNamespace(f_ffree=free, f_files=1_000_000))
            return guard.look()

    def test_while_there_are_inodes_it_does_nothing(
        self, guard: ModuleType, limits: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = set_now(limits)
        assert self.look(guard, monkeypatch, 500_000) is None
        assert (set_now(limits), limits.spare.count()) == (before, 1000)

    def test_when_they_are_short_users_are_held_before_the_spare_ones_are_freed(
        self, guard: ModuleType, limits: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held_at: list[tuple[int, int]] = []
        free = limits.spare.free

        def watched() -> int:
            held_at.extend((limits.kernel[uid].max_inodes, limits.spare.count()) for uid in (2001, 2002))
            return int(free())

        monkeypatch.setattr(limits.spare, "free", watched)
        assert "frozen" in self.look(guard, monkeypatch, 10)
        assert held_at == [(100 + guard.ALLOWANCE, 1000), (200 + guard.ALLOWANCE, 1000)]
        assert limits.spare.count() == 0

    def test_bytes_are_as_before(
        self, guard: ModuleType, limits: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.look(guard, monkeypatch, 10)
        assert limits.kernel[2001].max_bytes == 10 * GIB

    def test_a_server_start_or_a_new_limit_does_not_lift_it(
        self, guard: ModuleType, limits: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.look(guard, monkeypatch, 10)
        limits.try_to_apply("ada")
        limits.change("bob", "none")
        assert limits.kernel[2001].max_inodes == 100 + guard.ALLOWANCE
        assert limits.kernel[2002].max_inodes == 200 + guard.ALLOWANCE

    def test_a_new_user_is_held_too(
        self, guard: ModuleType, limits: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.look(guard, monkeypatch, 10)
        uses(limits, 2003, 0, 0)
        monkeypatch.setattr(limits, "users", lambda: {"eve": 2003})
        limits.apply("eve")
        assert limits.kernel[2003].max_inodes == limits.FROZEN_NEWCOMER

    def test_it_lasts_until_there_are_clearly_enough(
        self, guard: ModuleType, limits: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.look(guard, monkeypatch, 10)
        assert self.look(guard, monkeypatch, 60_000) is None
        assert limits.FROZEN.exists()
        assert "as usual" in self.look(guard, monkeypatch, 90_000)
        assert set_now(limits) == {2001: (10 * GIB, COMMON), 2002: (10 * GIB, COMMON)}
        assert limits.spare.count() == 1000

    def test_where_nobody_can_be_held_the_spare_files_stay_for_root(
        self, guard: ModuleType, limits: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits.quota, "are_on", lambda _: False)
        assert self.look(guard, monkeypatch, 10) is None
        assert limits.spare.count() == 1000

    @given(st.integers(0, 10_000), st.integers(1, 5000))
    def test_what_all_users_may_still_make_leaves_the_hub_half(
        self, program: Callable[[str], ModuleType], spares: int, users: int
    ) -> None:
        assert program("hubsmith_hub.disk_guard").allowance(spares, users) * users <= spares / 2


class TestSpareFiles:
    def test_where_no_inode_is_left_one_is_taken(
        self, limits: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limits.spare.fill(3)
        real = os.open

        def full(path: Any, flags: int, *mode: int) -> int:
            if flags & os.O_CREAT:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(path, flags, *mode)

        monkeypatch.setattr(limits.spare.os, "open", full)
        limits._write({"ada": limits.Limit(1, 2, "operator")})
        assert limits.own()["ada"].max_bytes == 1
        assert limits.spare.count() == 2
        assert (tmp_path / "data" / "disk-limits.json").stat().st_mode & 0o777 == 0o600

    def test_the_registry_of_users_is_written_with_one(
        self, limits: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limits.spare.fill(1)
        taken: list[Path] = []
        create = limits.spare.create

        def watched(path: Path) -> int:
            taken.append(path)
            return int(create(path))

        monkeypatch.setattr(limits.spare, "create", watched)
        monkeypatch.setattr(limits.registry.os, "fchown", lambda *_: None)
        limits.registry._write(tmp_path / "users.json", "{}", 0o600)
        assert taken == [tmp_path / ".users.json.new"]

    def test_without_any_the_error_is_told(
        self, limits: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(limits.spare.os, "open", full)
        with pytest.raises(OSError, match="No space left"):
            limits.spare.create(tmp_path / "new")

    def test_an_existing_file_is_never_replaced(self, limits: ModuleType, tmp_path: Path) -> None:
        limits.spare.fill(1)
        (tmp_path / "there").write_text("precious")
        with pytest.raises(FileExistsError):
            limits.spare.create(tmp_path / "there")
        assert (tmp_path / "there").read_text() == "precious"

    def test_a_small_volume_gives_few(self, limits: ModuleType) -> None:
        assert (limits.spare.wanted(65_536), limits.spare.wanted(10**9)) == (1310, 10_000)


class TestQuota:
    @pytest.fixture
    def quota(self, program: Callable[[str], ModuleType]) -> ModuleType:
        return program("hubsmith_hub.quota")

    def test_the_structure_is_the_kernels(self, quota: ModuleType) -> None:
        """linux/quota.h, struct if_dqblk: eight numbers of 64 bits, one of 32, aligned."""
        assert quota.ctypes.sizeof(quota._Dqblk) == 72
        assert quota._Dqblk.valid.offset == 64

    def test_the_device_is_that_of_the_volume_itself(self, quota: ModuleType) -> None:
        mounted = (
            "29 1 259:2 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
            "93 29 259:5 / /database rw,relatime shared:1 - ext4 /dev/nvme5n1 rw\n"
            "94 29 259:0 / /data rw,nosuid,nodev,noatime shared:2 - ext4 /dev/nvme1n1 rw\n"
            "96 29 259:4 / /data/other rw,noatime shared:2 - ext4 /dev/nvme4n1 rw\n"
            "95 29 259:0 /home /home rw,noatime shared:2 - ext4 /dev/nvme1n1 rw\n"
        )
        assert quota.device(Path("/data"), mounted) == "/dev/nvme1n1"
        assert quota.device(Path("/srv"), mounted) is None

    @pytest.mark.skipif(os.getuid() != 0, reason="needs root")
    def test_the_kernel_is_really_asked(self, quota: ModuleType) -> None:
        root = quota.device(Path("/"))
        if root is None or not Path(root).is_block_device() or quota.are_on(root):
            pytest.skip("this machine's root disk has quotas, or is none")
        with pytest.raises(OSError, match="has no quotas"):
            quota.get(root, 2001)


class TestBoot:
    @pytest.fixture
    def users(self, program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
        module = program("boot.users")
        monkeypatch.setattr(module.disk_guard, "look", lambda: None)
        return module

    @pytest.fixture
    def launched(self, program: Callable[[str], ModuleType]) -> Any:
        return program("hubsmith_machine.launch").Launch(volume_id="vol-1")

    def test_everybody_has_a_limit_after_it(
        self, users: ModuleType, limits: ModuleType, launched: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        uses(limits, 2001, 30 * GIB, 1000)
        users.limit_disk(launched)
        assert [size for size, _ in set_now(limits).values()] == [36 * GIB, 10 * GIB]
        assert "ada has files from before there were disk limits: gets a limit of 36.0 GiB" in caplog.text

    @pytest.mark.parametrize("broken", ["{broken", '{"schema": 2, "users": {}}', "{}"])
    def test_no_failure_keeps_the_hub_from_starting(
        self,
        users: ModuleType,
        limits: ModuleType,
        launched: Any,
        broken: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        limits.registry.FOLDER.mkdir()
        (limits.registry.FOLDER / "disk-limits.json").write_text(broken)
        users.limit_disk(launched)
        assert "disk-limits.json cannot be read" in caplog.text

    def test_a_machine_without_a_volume_has_none(
        self, users: ModuleType, limits: ModuleType, program: Callable[[str], ModuleType]
    ) -> None:
        users.limit_disk(program("hubsmith_machine.launch").Launch())
        assert set_now(limits) == {2001: (0, 0), 2002: (0, 0)}


def test_a_new_account_has_its_limit_before_anybody_uses_it(
    limits: ModuleType, program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = program("hubsmith_hub.accounts")
    monkeypatch.setattr(accounts, "_run", lambda *_, **__: None)
    accounts.create("ada")
    assert set_now(limits) == {2001: (10 * GIB, COMMON), 2002: (0, 0)}


class TestDatabase:
    def test_transactions_make_no_files(self, program: Callable[[str], ModuleType], tmp_path: Path) -> None:
        path = tmp_path / "jupyterhub.sqlite"
        connection = sqlite3.connect(path)
        program("hubsmith_hub.database").keep_journal(connection)
        connection.execute("create table users (name)")
        connection.commit()
        journal = tmp_path / "jupyterhub.sqlite-journal"
        inode = journal.stat().st_ino
        for name in ("ada", "bob"):
            connection.execute("insert into users values (?)", (name,))
            connection.commit()
        assert (journal.stat().st_ino, journal.stat().st_size) == (inode, 0)
        connection.close()
        # Another image opens it as it opens any.
        usual = sqlite3.connect(path)
        usual.execute("insert into users values ('eve')")
        usual.commit()
        assert usual.execute("select count(*) from users").fetchone() == (3,)

    def test_other_databases_are_left_alone(self, program: Callable[[str], ModuleType]) -> None:
        program("hubsmith_hub.database").keep_journal(object())


class TestTemporaryFiles:
    @pytest.fixture
    def temporary(
        self, program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> ModuleType:
        module = program("hubsmith_hub.temporary")
        monkeypatch.setattr(module, "FOLDER", tmp_path / ".tmp")
        monkeypatch.setattr(module.os, "chown", lambda *_: None)
        return module

    def test_large_ones_are_on_the_users_part_of_the_volume(
        self, temporary: ModuleType, tmp_path: Path
    ) -> None:
        found = temporary.properties(2001, "jupyter-ada-singleuser", {"BindPaths": "/srv/shared"})
        assert found == {
            "BindPaths": f"/srv/shared {tmp_path}/.tmp/2001:/var/tmp",
            "InaccessiblePaths": "/run/jupyter-ada-singleuser",
        }
        assert (tmp_path / ".tmp").stat().st_mode & 0o777 == 0o711
        assert (tmp_path / ".tmp/2001").stat().st_mode & 0o777 == 0o700
        assert temporary.properties(2001, "jupyter-ada-singleuser", found) == found

    def test_a_server_starts_though_no_folder_can_be_made(
        self, temporary: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "mkdir", full)
        found = temporary.properties(2001, "unit", {"TemporaryFileSystem": "/tmp:size=50%"})
        mounts = [mount.partition(":")[0] for mount in found["TemporaryFileSystem"].split()]
        assert mounts == ["/tmp", "/var/tmp"]
        assert "BindPaths" not in found


def test_the_template_is_what_the_machine_reads() -> None:
    template = Path(__file__).parents[3] / "provisioners/jupyterhub/files/etc/hubsmith/disk.json.j2"
    assert json.loads(template.read_text().replace("{{ disk_limit | tojson }}", '"10G"')) == {"limit": "10G"}
