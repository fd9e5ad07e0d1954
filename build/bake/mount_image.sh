#!/bin/sh
# Mounts the root file system of an attached volume read-only. It has the same ids as the running machine's own.
#   mount_image.sh SERIAL FOLDER          SERIAL: the volume's id without the dash, as EC2 shows it to a machine
set -eu
serial=$1 folder=$2

find_disk() {
    lsblk --nodeps --noheadings --output NAME,SERIAL | awk -v serial="$serial" '$2 == serial { print $1 }'
}

for _ in $(seq 60); do
    disk=$(find_disk)
    [ -z "$disk" ] || break
    sleep 1
done
[ -n "$disk" ] || { echo "no disk with serial $serial" >&2; exit 1; }
udevadm settle
# The largest partition is the root file system on Debian's and Ubuntu's images.
part=$(lsblk --bytes --list --noheadings --output NAME,SIZE,TYPE "/dev/$disk" | awk '$3 == "part"' | sort -k2 -n | tail -1 | cut -d' ' -f1)
mkdir -p "$folder"
mount -o ro,noload "/dev/${part:-$disk}" "$folder"
echo "mounted /dev/${part:-$disk} at $folder"
