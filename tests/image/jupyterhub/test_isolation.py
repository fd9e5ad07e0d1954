"""What a notebook must not reach."""

from __future__ import annotations

import pytest
from hub_client import HubClient, HubUser
from kernel_client import Kernel
from testinfra.host import Host
from unix_users import properties_of, unit_of

pytestmark = pytest.mark.usefixtures("booted")

OUT_OF_REACH = (
    "/srv/jupyterhub",
    "/etc/hubsmith/tls",
    "/etc/letsencrypt",
    "/etc/jupyterhub/jupyterhub_config.py",
    "/etc/shadow",
    "/etc/ssh/ssh_host_ed25519_key",
    "/var/lib/cloud/instance/user-data.txt",
    "/run/jupyterhub-proxy",
    "/root",
    "/var/log/jupyterhub",
)
REACH = """
import socket
def refused(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.sendto(b"", (address, 9))
        except OSError as exc:
            return type(exc).__name__
    return ""
"""
READ = """
import os
def seen(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path).read(1)
    except (PermissionError, FileNotFoundError):
        return None
"""
# bpf(2) and mount(2): EPERM whatever is asked of them. Numbers of x86-64 and of ARM.
SYSTEM_CALLS = """
import ctypes, platform
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": (321, 165), "aarch64": (280, 40)}[platform.machine()]
print([libc.syscall(number, 0, 0, 0, 0, 0) and ctypes.get_errno() for number in numbers])
"""


class TestOutOfReach:
    def test_the_instances_credentials(self, kernel: Kernel, host: Host) -> None:
        kernel.run(REACH)
        assert kernel.run(
            "print(refused('169.254.169.254'), refused('169.254.0.1'), refused('169.254.170.2'))"
        ).split() == (["PermissionError"] * 3)
        assert kernel.run("print(refused('fd00:ec2::254', socket.AF_INET6))") != ""
        token = (
            "curl --silent --max-time 2 --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "
            "http://169.254.169.254/latest/api/token"
        )
        assert (
            kernel.run(
                f"import subprocess; print(subprocess.run({token!r}, shell=True, "
                "capture_output=True).returncode)"
            )
            != "0"
        )
        assert host.check_output(token)  # the machine itself may

    @pytest.mark.usefixtures("heavy", "exclusive")
    def test_the_instances_credentials_by_ipv6(self, kernel: Kernel, root: Host) -> None:
        # else it would be the lack of a way that stops the notebook
        if root.run("ip address add fd00:ec2::254/128 dev lo").rc != 0:
            pytest.skip("this machine has no IPv6")
        try:
            root.check_output(
                "python3 -c %s", f"{REACH}assert refused('fd00:ec2::254', socket.AF_INET6) == ''"
            )
            kernel.run(REACH)
            # OSError: the network namespace of its user has no IPv6.
            assert kernel.run("print(refused('fd00:ec2::254', socket.AF_INET6))") in (
                "OSError",
                "PermissionError",
            )
        finally:
            root.check_output("ip address del fd00:ec2::254/128 dev lo")

    def test_the_resolver_is_the_exception(self, kernel: Kernel) -> None:
        kernel.run(REACH)
        assert kernel.run("print(repr(refused('169.254.169.253')))") == "''"

    def test_link_local_addresses_are_denied_in_the_running_unit(
        self, root: Host, notebook: HubClient, hub_user: HubUser
    ) -> None:
        told = properties_of(root, unit_of(hub_user), "IPAddressDeny", "IPAddressAllow")
        assert set(told["IPAddressDeny"].split()) == {"169.254.0.0/16", "fd00:ec2::/32"}
        assert {address.split("/")[0] for address in told["IPAddressAllow"].split()} == {
            "169.254.169.253",
            "fd00:ec2::253",
        }

    def test_the_proxys_api(self, kernel: Kernel) -> None:
        connect = (
            "import socket; probe = socket.socket(); probe.settimeout(3); "
            "print(probe.connect_ex(('127.0.0.1', 8001)) != 0)"
        )
        assert kernel.run(connect) == "True"

    @pytest.mark.parametrize("path", OUT_OF_REACH)
    def test_what_is_secret(self, kernel: Kernel, root: Host, path: str) -> None:
        kernel.run(READ)
        assert kernel.run(f"print(seen({path!r}))") in ("None", "[]"), f"{path} can be read"

    def test_others_homes(self, kernel: Kernel, root: Host, hub_user: HubUser) -> None:
        kernel.run(READ)
        homes = set(root.check_output("ls /home").split()) - {hub_user.name}
        assert homes
        assert (
            kernel.run(f"print([name for name in {sorted(homes)!r} if seen('/home/' + name) is not None])")
            == "[]"
        )

    def test_others_processes(self, kernel: Kernel) -> None:
        owners = (
            "import os; print({os.stat(f'/proc/{p}').st_uid for p in os.listdir('/proc') if p.isdigit()} "
            "== {os.getuid()})"
        )
        assert kernel.run(owners) == "True"

    def test_root(self, kernel: Kernel) -> None:
        refused = (
            "import subprocess; print(all(subprocess.run(c.split(), capture_output=True).returncode "
            "for c in ('sudo -n true', 'su -c id')))"
        )
        assert kernel.run(refused) == "True"
        assert (
            kernel.run(
                "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')])"
            )
            == "['1']"
        )

    @pytest.mark.usefixtures("before_reboot")
    def test_devices(self, kernel: Kernel) -> None:
        disks = (
            "import os; print([d for d in os.listdir('/dev') if d.startswith(('vd', 'nvme', 'sd', 'xvd', "
            "'mem', 'kmsg', 'port'))])"
        )
        assert kernel.run(disks) == "[]"

    def test_others_temporary_files(self, kernel: Kernel, root: Host) -> None:
        kernel.run("open('/tmp/hubsmith-probe', 'w').close()")
        assert not root.file("/tmp/hubsmith-probe").exists
        root.run_test("touch /tmp/hubsmith-probe-of-root")
        assert kernel.run("import os; print(os.path.exists('/tmp/hubsmith-probe-of-root'))") == "False"
        root.run_test("rm /tmp/hubsmith-probe-of-root")

    def test_others_shared_memory(self, kernel: Kernel, root: Host) -> None:
        """https://github.com/joblib/joblib/issues/198"""
        kernel.run("open('/dev/shm/hubsmith-probe', 'w').close()")
        assert not root.file("/dev/shm/hubsmith-probe").exists
        shared = root.check_output("touch /dev/shm/hubsmith-probe-of-root && ipcmk --shmem 64").split()[-1]
        try:
            assert (
                kernel.run("import os; print(os.path.exists('/dev/shm/hubsmith-probe-of-root'))") == "False"
            )
            assert kernel.run("print(len(open('/proc/sysvipc/shm').readlines()))") == "1"  # the headings
        finally:
            root.check_output(f"rm /dev/shm/hubsmith-probe-of-root && ipcrm --shmem-id {shared}")

    @pytest.mark.usefixtures("before_reboot")
    @pytest.mark.parametrize(
        "ask", ["systemctl status jupyter.slice", "busctl --system list", "loginctl enable-linger"]
    )
    def test_the_systems_bus(self, kernel: Kernel, root: Host, ask: str) -> None:
        """By it systemd tells others' command lines, and logind starts a user manager outside of the unit."""
        assert (
            kernel.run(
                f"import subprocess; print(subprocess.run({ask!r}, shell=True, capture_output=True, "
                "text=True).stdout)"
            )
            == ""
        )
        assert root.check_output("ls /var/lib/systemd/linger 2> /dev/null || true") == ""

    @pytest.mark.usefixtures("before_reboot")
    def test_namespaces_and_what_only_root_should_ask_the_kernel(self, kernel: Kernel) -> None:
        assert (
            kernel.run(
                "import subprocess; print(subprocess.run(['unshare', '--user', 'true'], "
                "stderr=-3).returncode "
                "!= 0)"
            )
            == "True"
        )
        assert kernel.run(SYSTEM_CALLS) == "[1, 1]"
        sockets = (
            "import socket\ntry: print(socket.socket(socket.AF_VSOCK))\nexcept OSError as exc: "
            "print(exc.errno)"
        )
        assert kernel.run(sockets) == "97"  # EAFNOSUPPORT
