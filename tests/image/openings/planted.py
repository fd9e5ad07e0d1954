"""Openings made for the purpose, one of each kind, so that it is seen that each is found."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub_client import HubUser
from testinfra.host import Host
from unix_users import unit_of

DAEMON = textwrap.dedent("""
    import os, socket, sys, time
    kind, address = sys.argv[1:]
    if kind == "tcp":
        listener = socket.create_server(("0.0.0.0", int(address)))
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address.replace("@", chr(0)))
        listener.listen()
        if address.startswith("/"):
            os.chmod(address, 0o666)
    time.sleep(600)
""")
# A key of root's that everybody may view. The library is sshd's (by way of Kerberos).
KEY = textwrap.dedent("""
    import ctypes, sys
    library, everything, of_root = ctypes.CDLL("libkeyutils.so.1"), 0x3F3F3F3F, -4
    if sys.argv[1] == "add":
        key = library.add_key(b"user", b"hubsmith-probe", b"x", 1, of_root)
        sys.exit(library.keyctl_setperm(key, everything))
    sys.exit(library.keyctl_unlink(library.request_key(b"user", b"hubsmith-probe", None, 0), of_root))
""")
WITHIN = "ip netns exec jupyter-UID"
PLANT = f"""set -e
cat > /run/hubsmith-probe.py << 'END'{DAEMON}END
cat > /run/hubsmith-probe-key.py << 'END'{KEY}END
listen() {{
    systemd-run --quiet --unit hubsmith-probe-$1 --property NetworkNamespacePath=$2 \\
        python3 /run/hubsmith-probe.py $3 $4
}}
cp /bin/true /usr/local/bin/hubsmith-probe && chmod 4755 /usr/local/bin/hubsmith-probe
mkdir /run/hubsmith-probe-bus && mount --bind /run/dbus /run/hubsmith-probe-bus
mknod --mode 0666 /var/lib/hubsmith-probe-device c 1 3
echo x > /opt/hub/hubsmith-probe && chmod 0666 /opt/hub/hubsmith-probe
mkdir --mode 1777 /var/lib/hubsmith-probe-folder
echo x > /etc/hubsmith/probe
echo x > /usr/local/lib/hubsmith-probe.key
python3 /run/hubsmith-probe-key.py add
echo '-----BEGIN PRIVATE KEY-----' > /etc/hubsmith-probe.pem
chmod 755 /home/OTHER
listen socket /proc/1/ns/net unix /run/hubsmith-probe.sock
listen machine /proc/1/ns/net tcp 7010
systemd-run --quiet --unit hubsmith-probe-process --uid UID sleep 600
listen abstract /run/netns/jupyter-UID unix @hubsmith-probe
listen loopback /run/netns/jupyter-UID tcp 7009
nsenter --target PID --ipc ipcmk --shmem 64
nft insert rule inet hubsmith from_users_to_machine ip daddr HUB tcp dport 7010 accept
nft insert rule inet hubsmith from_users oifname 'jup*' accept
timeout 120 sh -c 'until ss -lnt | grep -q :7010 && {WITHIN} ss -lnt | grep -q :7009; do sleep 0.5; done'
timeout 120 sh -c 'until [ -S /run/hubsmith-probe.sock ] && {WITHIN} ss -lx | grep -q @hubsmith-probe
do sleep 0.5; done'
"""
REMOVE = """
python3 /run/hubsmith-probe-key.py remove
systemctl stop 'hubsmith-probe-*'
umount /run/hubsmith-probe-bus; rmdir /run/hubsmith-probe-bus
rm -f /usr/local/bin/hubsmith-probe /var/lib/hubsmith-probe-device /opt/hub/hubsmith-probe /etc/hubsmith/probe
rm -f /run/hubsmith-probe.py /run/hubsmith-probe-key.py /usr/local/lib/hubsmith-probe.key
rm -f /etc/hubsmith-probe.pem /run/hubsmith-probe.sock
rmdir /var/lib/hubsmith-probe-folder
chmod 700 /home/OTHER
nsenter --target PID --ipc sh -c 'ipcs --shmems | awk "/root/ {print \\$2}" |
    xargs --no-run-if-empty --max-args=1 ipcrm --shmem-id'
systemctl reload hubsmith-network
"""
LINES = """
abstract socket: @hubsmith-probe
dbus: org.freedesktop.systemd1 at /run/hubsmith-probe-bus/system_bus_socket
device: /var/lib/hubsmith-probe-device (read, write)
ipc: shared memory of root
key: user hubsmith-probe of root
network: tcp another user
network: tcp own namespace:7009
network: tcp the hub:7010
private key: /etc/hubsmith-probe.pem
process: sleep of the user (see, signal, trace)
readable: /etc/hubsmith/probe
readable: /home/ANOTHER@example.org
secret: /usr/local/lib/hubsmith-probe.key
setuid: /usr/local/bin/hubsmith-probe of package none
socket: /run/hubsmith-probe-bus/system_bus_socket
socket: /run/hubsmith-probe.sock
writable: /opt/hub/hubsmith-probe, shared
writable: /var/lib/hubsmith-probe-folder, shared
"""


OTHERS = Path(__file__).with_name("others.py")
PRIVILEGED = (
    "setpriv --reuid {uid} --regid {gid} --groups {gid},4 --inh-caps +net_raw --ambient-caps +net_raw "
    "/usr/bin/python3 -I -c %s"
)
PRIVILEGES = """
privilege: capabilities 0000000000002000 (CapAmb)
privilege: capabilities 0000000000002000 (CapEff)
privilege: capabilities 0000000000002000 (CapPrm)
privilege: every system call
privilege: group adm
privilege: programs with the setuid bit
"""


def told_of_privileges(root: Host, hub_user: HubUser) -> tuple[set[str], set[str]]:
    """What is told of a process of the user that has what no server has; what is to be told.

    A server's own process cannot be given any of it.
    """
    one = root.user(hub_user.name)
    ask = f"{OTHERS.read_text()}\nprint(chr(10).join(_privileges([{one.gid}])))"
    told = root.check_output(PRIVILEGED.format(uid=one.uid, gid=one.gid), ask)
    return set(told.splitlines()), set(PRIVILEGES.strip().splitlines())


@contextmanager
def openings(root: Host, hub_user: HubUser, other: HubUser, hub: str) -> Iterator[set[str]]:
    """They are there meanwhile; the lines that are to be found. ``hub`` is the hub's own address."""
    pid = root.check_output(f"systemctl show --value --property MainPID {unit_of(hub_user)}")
    words = {"OTHER": other.name, "UID": str(root.user(hub_user.name).uid), "PID": pid, "HUB": hub}

    def filled(script: str) -> str:
        for word, value in words.items():
            script = re.sub(rf"\b{word}\b", value, script)
        return script

    try:
        root.check_output(filled(PLANT))
        yield set(LINES.strip().splitlines())
    finally:
        root.run(filled(REMOVE))
