"""Openings made for the purpose, one of each kind, so that it is seen that each is found."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

from hub_client import Person
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
WITHIN = "ip netns exec jupyter-UID"
PLANT = f"""set -e
cat > /run/hubsmith-probe.py << 'END'{DAEMON}END
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
systemctl stop 'hubsmith-probe-*'
umount /run/hubsmith-probe-bus; rmdir /run/hubsmith-probe-bus
rm -f /usr/local/bin/hubsmith-probe /var/lib/hubsmith-probe-device /opt/hub/hubsmith-probe /etc/hubsmith/probe
rm -f /run/hubsmith-probe.py /etc/hubsmith-probe.pem /run/hubsmith-probe.sock
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
network: tcp another user
network: tcp own namespace:7009
network: tcp the hub:7010
private key: /etc/hubsmith-probe.pem
process: sleep of the user (see, signal, trace)
readable: /etc/hubsmith/probe
readable: /home/ANOTHER@example.org
setuid: /usr/local/bin/hubsmith-probe of package none
socket: /run/hubsmith-probe-bus/system_bus_socket
socket: /run/hubsmith-probe.sock
writable: /opt/hub/hubsmith-probe, shared
writable: /var/lib/hubsmith-probe-folder, shared
"""


@contextmanager
def openings(root: Host, person: Person, other: Person, hub: str) -> Iterator[set[str]]:
    """They are there meanwhile; the lines that are to be found. ``hub`` is the hub's own address."""
    pid = root.check_output(f"systemctl show --value --property MainPID {unit_of(person)}")
    words = {"OTHER": other.name, "UID": str(root.user(person.name).uid), "PID": pid, "HUB": hub}

    def filled(script: str) -> str:
        for word, value in words.items():
            script = re.sub(rf"\b{word}\b", value, script)
        return script

    try:
        root.check_output(filled(PLANT))
        yield set(LINES.strip().splitlines())
    finally:
        root.run(filled(REMOVE))
