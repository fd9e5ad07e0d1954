#!/bin/sh
# Runs inside the new root, as its root, once every package is installed.
set -eu
kernel=$(basename "$(readlink -f /vmlinuz)" | sed s/^vmlinuz-//)

# What `bootctl install` does; it insists on a mounted partition, and here that is a plain folder yet.
for loader in /usr/lib/systemd/boot/efi/systemd-bootx64.efi*; do
    install -D "$loader" /boot/efi/EFI/systemd/systemd-bootx64.efi
    install -D "$loader" /boot/efi/EFI/BOOT/BOOTX64.EFI
done
mkdir -p /boot/efi/loader
printf 'timeout 0\neditor no\n' > /boot/efi/loader/loader.conf
echo type1 > /boot/efi/loader/entries.srel
export BOOT_MNT=/boot/efi SYSTEMD_RELAX_ESP_CHECKS=1
kernel-install add "$kernel" "/boot/vmlinuz-$kernel"

# A seed shipped in an image is a seed shared by every machine; neither may the boot loader keep one.
rm -f /boot/efi/loader/random-seed /var/lib/systemd/random-seed
systemctl mask --quiet systemd-boot-random-seed.service
systemctl disable --quiet apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service
systemctl enable --quiet systemd-networkd.service systemd-resolved.service ssh.service

[ -x /usr/sbin/update-ca-certificates ] && update-ca-certificates > /dev/null
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
rm -f /etc/hostname /etc/ssh/ssh_host_*
: > /etc/machine-id
rm -f /etc/apt/apt.conf.d/99mmdebstrap /etc/dpkg/dpkg.cfg.d/99mmdebstrap /etc/apt/sources.list /etc/apt/sources.list.d/0000*

# Nothing is left to update at first boot: ldconfig, hwdb and the like need not run.
touch /etc/.updated /var/.updated
