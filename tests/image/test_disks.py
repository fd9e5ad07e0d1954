"""Disks: users' limits, what is kept for the hub, and a volume that an older image has used.

Most of it happens on a small volume in a file, prepared by the image's own programs as at a boot: a machine
without a domain has no data volume, and nobody's is filled. A launched hub's own volume is filled by heavy
tests only (`invoke verify --heavy`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hub_client import HubClient, HubUser
from kernel_client import Kernel
from testinfra.host import Host
from unix_users import unix_user

pytestmark = pytest.mark.usefixtures("booted")

FILE, PLACE = "/var/lib/hubsmith/test-disk.img", "/mnt/hubsmith-test-disk"
INODES = 20_000
# The image's programs, on the small volume in place of the data volume; ALL are its users.
PROGRAMS = f"""
import json, os, pwd, sys
from pathlib import Path
sys.path[:0] = ["/usr/lib/hubsmith", "/usr/lib/hubsmith/hub", "/usr/lib/hubsmith/lib"]
from boot import ext4
from hubsmith_hub import disk_guard, disk_limits, quota, registry, spare
quota.DATA = Path("{PLACE}")
registry.FOLDER = Path("{PLACE}/hubsmith")
spare.FOLDER = registry.FOLDER / "spare"
disk_limits.SETTINGS = Path("{FILE}.json")
disk_limits.FROZEN = Path("/run/hubsmith-test-frozen.json")
ALL = sys.argv[1].split(",")
disk_limits.users = lambda: {{name: pwd.getpwnam(name).pw_uid for name in ALL}}
"""
FILL_BLOCKS = """
import errno, os
name = 0
try:
    while True:
        with open(f"fill-{os.getuid()}-{(name := name + 1)}", "wb", buffering=0) as stream:
            for _ in range(16):
                stream.write(bytes(2**20))
except OSError as exc:
    print(errno.errorcode[exc.errno])
"""
# As a user's server, whose folder it is in: without devices, and with its filter of system calls.
SERVER_SAYS = (
    "systemd-run --quiet --pipe --wait --uid %s --property PrivateDevices=yes --property NoNewPrivileges=yes "
    "--property 'SystemCallFilter=~@mount @swap @reboot @module @raw-io bpf perf_event_open' "
    f"--working-directory {PLACE}/%s /opt/anaconda/bin/python -I -c %s"
)
DISK_MESSAGES = """
import pathlib, sys
sys.path.insert(0, "/usr/lib/hubsmith/server")
from hubsmith_server import disk
print(*(message.id for message in disk.messages(pathlib.Path.cwd())))
"""
FILL_INODES = """
import errno, os
count = 0
try:
    while True:
        os.close(os.open(f"file-{count}", os.O_CREAT | os.O_EXCL))
        count += 1
except OSError as exc:
    print(errno.errorcode[exc.errno], count)
"""
# Without writing gigabytes: fallocate only reserves blocks. What it cannot have in one go is written.
FILL_HOME = """
for n in $(seq 99); do
    size=$(df --output=avail -B1 ~ | tail -1)
    [ "$size" -gt 4096 ] || break
    fallocate -l "$size" ~/fill$n || head -c "$size" /dev/zero > ~/fill$n
done
"""


class Volume:
    """A small volume with three users, each with a folder of their own on it."""

    def __init__(self, root: Host, users: list[HubUser]) -> None:
        self.root, self.users = root, users

    def program(self, text: str) -> str:
        """What a program of the image's modules prints, run as root."""
        names = ",".join(user.name for user in self.users)
        told: str = self.root.check_output("/usr/bin/python3 -I -c %s %s", PROGRAMS + text, names)
        return told.strip()

    def make_as_before(self) -> None:
        """As images did that knew no limits, mounted, and with folders of the users."""
        self.root.check_output(
            f"mkdir -p {PLACE} /var/lib/hubsmith && truncate -s 320M {FILE} && "
            f"mkfs.ext4 -q -F -L hubsmith-data -m 1 -N {INODES} {FILE}"
        )
        self.mount()
        for user in self.users:
            self.root.check_output(f"install -d -m 0700 -o %s -g %s {PLACE}/%s", *[user.name] * 3)

    def mount(self) -> None:
        """As any image does."""
        self.root.check_output(f"mount -o loop,noatime,nodev,nosuid {FILE} {PLACE} && chmod 711 {PLACE}")

    def unmount(self) -> None:
        self.root.check_output(f"umount {PLACE}")

    def boot(self, limit: str) -> dict[str, Any]:
        """Not mounted before; who got a limit of their own for existing files."""
        self.root.check_output(f"printf %s %s > {FILE}.json", "%s", json.dumps({"limit": limit}))
        self.program(f'ext4.check("{FILE}"); ext4.prepare("{FILE}")')
        self.mount()
        given = self.program(
            "ext4.reserve(quota.device()); given = disk_limits.begin(); disk_limits.apply(); "
            "disk_guard.look(); print(json.dumps({name: vars(limit) for name, limit in given.items()}))"
        )
        return dict(json.loads(given))

    def run_as(self, user: HubUser, text: str) -> str:
        """In the user's folder; what the program prints."""
        inside = f"import os; os.chdir('{PLACE}/{user.name}')\n{text}"
        told: str = self.root.check_output("runuser -u %s -- /usr/bin/python3 -I -c %s", user.name, inside)
        return told.strip()


@pytest.fixture
def volume(heavy: None, root: Host) -> Iterator[Volume]:
    with ExitStack() as stack:
        made = Volume(root, [stack.enter_context(unix_user(root)) for _ in range(3)])
        made.make_as_before()
        stack.callback(
            root.run_test,
            f"umount {PLACE}; rm -rf {FILE} {FILE}.json {PLACE} /run/hubsmith-test-frozen.json; true",
        )
        made.unmount()
        yield made


@pytest.mark.xdist_group("disks")
class TestLimits:
    def test_a_user_gets_to_the_limit_and_no_further(self, volume: Volume) -> None:
        volume.boot("100M")
        assert volume.run_as(volume.users[0], FILL_BLOCKS) == "EDQUOT"
        used = json.loads(volume.program("print(json.dumps(disk_limits.report()))"))
        row = next(row for row in used if row["name"] == volume.users[0].name)
        assert 99 * 2**20 <= row["used_bytes"] <= 100 * 2**20

    def test_a_users_server_tells_that_the_disk_space_is_used_up(self, volume: Volume, root: Host) -> None:
        volume.boot("40M")
        user = volume.users[0]

        def says() -> str:
            told: str = root.check_output(SERVER_SAYS, user.name, user.name, DISK_MESSAGES)
            return told.strip()

        assert says() == ""
        volume.run_as(user, "open('much', 'wb').write(bytes(37 * 2**20))")
        assert says() == "disk-nearly-full"
        assert volume.run_as(user, FILL_BLOCKS) == "EDQUOT"
        assert says() == "disk-full"

    def test_one_users_limit_holds_at_once_and_on_the_next_boot(self, volume: Volume) -> None:
        first, second = volume.users[:2]
        volume.boot("20M")
        volume.program(f'disk_limits.change("{first.name}", "40M")')
        for _ in range(2):
            volume.run_as(first, FILL_BLOCKS)
            volume.run_as(second, FILL_BLOCKS)
            rows = json.loads(volume.program("print(json.dumps(disk_limits.report()))"))
            used = {row["name"]: row["used_bytes"] // 2**20 for row in rows}
            assert 38 <= used[first.name] <= 40
            assert 18 <= used[second.name] <= 20
            volume.unmount()
            volume.boot("20M")

    def test_who_had_much_before_there_were_limits_can_go_on(self, volume: Volume) -> None:
        volume.mount()
        volume.run_as(volume.users[0], "open('old', 'wb').write(bytes(60 * 2**20))")
        volume.unmount()
        given = volume.boot("50M")
        assert list(given) == [volume.users[0].name]
        volume.run_as(volume.users[0], "open('new', 'wb').write(bytes(5 * 2**20))")

    def test_an_image_that_knows_no_quotas_can_use_the_volume(self, volume: Volume) -> None:
        volume.boot("100M")
        volume.run_as(volume.users[0], "open('mine', 'w').write('here')")
        volume.unmount()
        # What earlier images did at each boot.
        assert volume.root.run(f"e2fsck -p {FILE}").rc in (0, 1)
        volume.mount()
        assert volume.run_as(volume.users[0], "print(open('mine').read())") == "here"


@pytest.mark.xdist_group("disks")
class TestTheHubsShare:
    """Three users whose limits add up to more than there is; one has everything in another project."""

    def fill(self, volume: Volume, text: str) -> None:
        mover = volume.users[0]
        for user in volume.users:
            volume.run_as(user, text)
        # Refused where the file system has no projects; allowed to the owner where it has them.
        volume.root.run("runuser -u %s -- chattr -R -p 7 %s", mover.name, f"{PLACE}/{mover.name}")
        for user in volume.users:
            volume.run_as(user, text.replace("file-", "again-"))

    def test_root_has_blocks_when_users_have_none(self, volume: Volume) -> None:
        volume.boot("300M")
        self.fill(volume, FILL_BLOCKS)
        volume.root.check_output(
            f"dd if=/dev/zero of={PLACE}/hubsmith/of-root bs=1M count=8 conv=fsync status=none"
        )

    def test_root_has_inodes_when_users_have_none(self, volume: Volume) -> None:
        volume.boot("300M")
        spares = int(volume.program("print(spare.count())"))
        assert spares > 0
        self.fill(volume, FILL_INODES)
        # Nothing has frozen anybody yet: a spare file takes the place of a new one.
        volume.program(f'disk_limits.change("{volume.users[0].name}", "200M")')
        assert "frozen" in volume.program("print(disk_guard.look())")
        for user in volume.users:
            volume.run_as(user, FILL_INODES.replace("file-", "greedy-"))
        volume.root.check_output(
            f"mkdir {PLACE}/hubsmith/new && cd {PLACE}/hubsmith/new && seq {spares // 4} | xargs touch"
        )

    def test_users_go_on_when_there_are_inodes_again(self, volume: Volume) -> None:
        volume.boot("300M")
        self.fill(volume, FILL_INODES)
        volume.program("disk_guard.look()")
        # The first one has taken them all.
        volume.run_as(volume.users[0], "import os; [os.unlink(name) for name in os.listdir('.')]")
        assert "as usual" in volume.program("print(disk_guard.look())")
        volume.run_as(volume.users[2], "[open(f'new-{n}', 'w').close() for n in range(200)]")


class TestNotebookServer:
    def test_it_writes_nothing_to_the_machines_disk(self, kernel: Kernel, root: Host) -> None:
        told = kernel.run(
            "import os; root = os.stat('/opt/hub').st_dev; "
            "print([p for p in ('/tmp', '/dev/shm', '/run/jupyter') if os.stat(p).st_dev == root], "
            "os.environ['JUPYTER_RUNTIME_DIR'], os.access('/var/tmp', os.W_OK))"
        )
        assert told == "[] /run/jupyter True"

    def test_large_temporary_files_are_the_users_own(
        self, kernel: Kernel, root: Host, hub_user: HubUser
    ) -> None:
        kernel.run("open('/var/tmp/hubsmith-probe', 'w').close()")
        uid = root.user(hub_user.name).uid
        assert root.file(f"/home/.tmp/{uid}/hubsmith-probe").uid == uid
        assert not root.file("/var/tmp/hubsmith-probe").exists
        kernel.run("import os; os.unlink('/var/tmp/hubsmith-probe')")


def test_what_status_tells_of_the_disks(root: Host) -> None:
    told = json.loads(root.check_output("/usr/lib/hubsmith/status"))
    for disk in (told["volume"], told["root_disk"]):
        assert 0 <= disk["free_share"] <= 1
        assert 0 <= disk["free_inodes_share"] <= 1


@pytest.mark.usefixtures("launched")
class TestLaunchedVolume:
    def test_limits_hold(self, root: Host) -> None:
        assert json.loads(root.check_output("/usr/lib/hubsmith/status"))["disk_limits"]["hold"] is True
        assert root.service("hubsmith-disk").is_running

    @pytest.mark.usefixtures("heavy", "exclusive")
    def test_login_and_start_with_nothing_free(self, root: Host, hub: Callable[[], HubClient]) -> None:
        """https://github.com/2i2c-org/infrastructure/issues/6639"""
        with unix_user(root) as filler, unix_user(root) as other:
            try:
                root.check_output("/usr/lib/hubsmith/users disk-limit %s", f"{filler.name}=none")
                root.run("runuser -l %s -c %s", filler.name, FILL_HOME)
                for user in (filler, other):  # `other` has never started a server
                    session = hub()
                    session.login(user)
                    session.start_server()
                    with Kernel.start(session) as kernel:
                        assert kernel.run("print(6 * 7)") == "42"
                told = json.loads(root.check_output("/usr/lib/hubsmith/status"))
                assert told["volume"]["free_share"] < 0.05
            finally:
                root.run("rm -f /home/%s/fill*", filler.name)
                root.run("/usr/lib/hubsmith/users disk-limit %s", f"{filler.name}=default")
