#!/bin/sh
# Put a bootable GPT disk together from folders: an EFI system partition (FAT) and an ext4 root.
# Needs neither root nor mounts nor loop devices: every tool writes into the file at an offset.
#
# Stdin:  a tar archive of the whole system; owners are kept as this process sees them
# Reads:  IMAGE      the file to write; it may be /proc/self/fd/N, so it is written into and never replaced
#         ESP_DIR    folder of the archive whose content goes to the EFI system partition instead of the root
#         ESP_MIB    size of the EFI system partition
#         SIZE_MIB   size of the whole disk
#         ESP_ID     FAT volume id, eight hexadecimal digits       ROOT_UUID  ext4 UUID
set -eu
PATH="$PATH:/usr/sbin:/sbin"
export MTOOLS_SKIP_CHECK=1

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
tar --extract --directory="$root" --numeric-owner --xattrs --xattrs-include='*' --exclude='./dev/*'  # the kernel makes those

start_mib=1                                       # sfdisk's own alignment
root_start_mib=$((start_mib + ESP_MIB))
root_mib=$((SIZE_MIB - root_start_mib - 1))       # the last MiB is for the backup GPT

truncate --size="${SIZE_MIB}M" "$IMAGE"
sfdisk --quiet --no-reread --no-tell-kernel "$IMAGE" <<END
label: gpt
start=${start_mib}MiB, size=${ESP_MIB}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=EFI
start=${root_start_mib}MiB, size=${root_mib}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root
END

# FAT32 whatever the size: firmware and systemd-boot read it, FAT12 and 16 only sometimes.
mkfs.vfat -F 32 -s 1 -n EFI -i "$ESP_ID" --offset $((start_mib * 2048)) "$IMAGE" $((ESP_MIB * 1024)) > /dev/null 2>&1
for entry in "$root/$ESP_DIR"/*; do
    mcopy -s -Q -i "$IMAGE@@${start_mib}M" "$entry" ::/
done
rm -rf "${root:?}/${ESP_DIR:?}"/*

mke2fs -q -F -t ext4 -L root -U "$ROOT_UUID" -m 1 -d "$root" \
    -E "offset=$((root_start_mib * 1048576)),root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1" \
    "$IMAGE" "${root_mib}M"
