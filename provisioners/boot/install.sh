#!/usr/bin/env bash
# Enables the first-boot program. It runs on the machine that is launched from the image, never on the builder:
# no secret it makes can get into the image.
set -euo pipefail
umask 022

/usr/lib/hubsmith/apt-get install openssl
echo "hubsmith-boot runs at boot"
python3 -m compileall -q /usr/lib/hubsmith/boot
# The builder has no need to know of them: reading all units again takes longer than the rest.
systemctl --quiet --no-reload enable hubsmith-boot.service
