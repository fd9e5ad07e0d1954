#!/usr/bin/env bash
# Enables the first-boot program. It runs on the machine that is launched from the image, never on the builder:
# no secret it makes can get into the image.
set -euo pipefail
umask 022

/usr/lib/hubsmith/apt-get install e2fsprogs openssl
echo "hubsmith-boot runs at boot"
python3 -m compileall -q /usr/lib/hubsmith/boot
echo "ssh is for $HUBSMITH_LOGIN_USER"
sed "s/LOGIN_USER/$HUBSMITH_LOGIN_USER/" /usr/share/hubsmith/boot/sshd.conf > /etc/ssh/sshd_config.d/20-hubsmith.conf
# The builder has no need to know of them: reading all units again takes longer than the rest.
systemctl --quiet --no-reload enable hubsmith-boot.service hubsmith-ready.service hubsmith-users.path \
    hubsmith-disk.service hubsmith-first-password.path hubsmith-first-password.timer
