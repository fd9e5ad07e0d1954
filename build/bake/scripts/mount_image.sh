#!/bin/sh
# Mounts every file system of an attached volume read-only: the root file system at FOLDER, and below it the others where the
# image's own fstab has them, as Ubuntu's /boot and the EFI system partition. They have the same ids as the running machine's own.
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
parts=$(lsblk --pairs --bytes --output TYPE,NAME,SIZE,FSTYPE,PARTTYPE,LABEL,UUID,PARTLABEL,PARTUUID "/dev/$disk" | grep '^TYPE="part"') || true

# Of lines of such pairs, the value of one key.
value_of() {
    sed -n "s/.* $1=\"\([^\"]*\)\".*/\1/p"
}

# The partition of this disk that an fstab calls KEY=VALUE or /dev/disk/by-key/VALUE; nothing where it is none of this disk's.
called() {
    pair=$(echo "$1" | sed 's#^/dev/disk/by-\([a-z]*\)/#\1=#; s/"//g')
    echo "$parts" | grep --ignore-case --fixed-strings " ${pair%%=*}=\"${pair#*=}\"" | value_of NAME | head -n 1
}

mount_part() {
    options=ro
    case $(echo "$parts" | grep --fixed-strings " NAME=\"$1\"" | value_of FSTYPE) in
        ext3 | ext4) options=ro,noload ;; # a journal would be replayed, read-only or not
    esac
    mount -o "$options" "/dev/$1" "$2"
    mounted="$mounted $1 "
    echo "mounted /dev/$1 at $2"
}

# The largest partition is the root file system on Debian's and Ubuntu's images; a disk without partitions is one itself.
root=$(echo "$parts" | sed -n 's/.* NAME="\([^"]*\)" SIZE="\([0-9]*\)".*/\2 \1/p' | sort -n | tail -n 1 | cut -d' ' -f2)
mkdir -p "$folder"
mount -o ro,noload "/dev/${root:-$disk}" "$folder"
mounted=" $root "
echo "mounted /dev/${root:-$disk} at $folder"

# Sorted: /boot before /boot/efi.
places=$(awk '$1 !~ /^#/ && $2 ~ "^/." { print $2, $1 }' "$folder/etc/fstab" | sort) || true
while read -r place source; do
    part=$(called "$source")
    [ -z "$part" ] || [ ! -d "$folder$place" ] || mount_part "$part" "$folder$place"
done <<END
$places
END

# What the fstab does not have is looked at all the same, in a folder that holds nothing in any image.
for part in $(echo "$parts" | grep --invert-match --extended-regexp ' FSTYPE="(swap)?"' | value_of NAME); do
    case $mounted in *" $part "*) continue ;; esac
    mountpoint -q "$folder/proc" || mount -t tmpfs -o mode=0755 tmpfs "$folder/proc"
    mkdir "$folder/proc/$part"
    mount_part "$part" "$folder/proc/$part"
done
