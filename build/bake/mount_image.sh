#!/bin/sh
# Mounts the root file system of an attached volume read-only, and the EFI system partition where the image has it. They have
# the same ids as the running machine's own.
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
efi=$(lsblk --list --noheadings --output NAME,PARTTYPE "/dev/$disk" | awk 'tolower($2) == "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" { print $1; exit }')
if [ -n "$efi" ]; then
    place=$(awk '$2 ~ /efi$/ { print $2; exit }' "$folder/etc/fstab")
    mount -o ro "/dev/$efi" "$folder${place:-/boot/efi}"
fi
echo "mounted /dev/${part:-$disk} at $folder"
