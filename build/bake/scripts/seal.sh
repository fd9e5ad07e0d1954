#!/bin/sh
# Removes from a builder all that is its own: what AWS's Image Builder and k8s image-builder remove, and more.
# Runs as root, from standard input. Run twice, the second run finds nothing to do.
set -eu

say() { echo "seal: $*"; }

say "stop what would write again on the way down"
if command -v systemctl >/dev/null; then
    # Stopped now, the seed and the clock are not saved at shutdown, after their files were removed.
    # The sockets first: what is logged on the way down would start their services again.
    # hubsmith-end.timer goes on: from here on no key opens this instance, and when the build dies only the timer ends it.
    # It is in /run and has no stamp on the disk, so the image has nothing of it.
    for unit in syslog.socket rsyslog.service systemd-random-seed.service systemd-timesyncd.service cron.service \
        systemd-tmpfiles-clean.timer apt-daily.timer apt-daily-upgrade.timer; do
        systemctl stop "$unit" 2>/dev/null || true
    done
    journalctl --relinquish-var 2>/dev/null || true
fi

say "package caches"
if command -v apt-get >/dev/null; then
    apt-get clean
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old
fi
rm -rf /root/.cache /root/.npm /root/.local/share/uv /root/.conda /home/*/.cache /home/*/.npm /var/cache/man/* /opt/*/pkgs

say "what the build left"
rm -f /etc/systemd/system-generators/hubsmith-layer
rmdir /etc/systemd/system-generators 2>/dev/null || true
rm -rf /var/lib/hubsmith/build /root/.aws /home/*/.aws /root/.ansible
rm -rf /tmp/..?* /tmp/.[!.]* /tmp/* /var/tmp/..?* /var/tmp/.[!.]* /var/tmp/* 2>/dev/null || true

say "histories and logins"
rm -f /root/.*_history /home/*/.*_history /root/.lesshst /home/*/.lesshst /root/.viminfo /home/*/.viminfo /root/.wget-hsts /home/*/.wget-hsts
rm -f /root/.sudo_as_admin_successful /home/*/.sudo_as_admin_successful
rm -rf /var/lib/sudo/* /run/sudo/ts/*

say "logs"
# Nobody makes these again where they are missing; every other log is made when it is written to.
for log in wtmp btmp lastlog; do
    [ ! -e "/var/log/$log" ] || : >"/var/log/$log"
done
find /var/log -type f ! -name wtmp ! -name btmp ! -name lastlog -exec rm -f {} +
rm -rf /var/log/journal/* /var/log/private/*

say "the machine's identity"
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /etc/dropbear/dropbear_*_host_key
if [ -e /etc/machine-id ]; then
    # systemd's own word for "not yet": the next boot counts as the first and makes a new id.
    echo uninitialized >/etc/machine-id
    rm -f /var/lib/dbus/machine-id
    [ ! -d /var/lib/dbus ] || ln -s /etc/machine-id /var/lib/dbus/machine-id
fi
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /boot/efi/loader/random-seed /efi/loader/random-seed
rm -f /var/lib/systemd/timesync/clock /var/lib/dhcp/*.leases /var/lib/NetworkManager/*.lease
rm -rf /run/systemd/netif/leases/* /var/lib/systemd/timers/* /var/lib/systemd/linger/* /var/lib/systemd/coredump/* /var/crash/*

say "cloud-init"
if command -v cloud-init >/dev/null; then
    cloud-init clean --logs --seed >/dev/null 2>&1 || cloud-init clean --logs >/dev/null
    rm -rf /var/lib/cloud /run/cloud-init/instance-data*.json
    rm -f /etc/sudoers.d/90-cloud-init-users /etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init \
        /etc/systemd/network/*cloud-init* /etc/cloud/cloud.cfg.d/*-hubsmith-run.cfg
fi
rm -f /etc/hostname
# cloud-init has written the builder's name there, which has its private address in it; at its first boot a machine gets its own.
[ ! -e /etc/hosts ] || sed -i '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts
rm -rf /etc/hubsmith-instance

say "accounts"
# The login user was made by this instance's cloud-init; its keys go, its password stays locked.
for account in /root /home/*; do
    [ -d "$account" ] || continue
    rm -rf "$account/.ssh"
done

say "unused blocks"
# They take no room in a snapshot of the local cloud. EBS takes no notice: every block that was ever written is in the snapshot.
fstrim / 2>/dev/null || true
sync
say "done"
