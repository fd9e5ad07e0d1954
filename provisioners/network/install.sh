#!/usr/bin/env bash
# Installs what the users' networks are made with. They are made on the machines launched from the image, never on the builder.
set -euo pipefail
umask 022

echo "apt: nftables and iproute2"
/usr/lib/hubsmith/apt-get install iproute2 nftables
python3 -m compileall -q /usr/lib/hubsmith/lib
# The service itself starts what follows the machine's resolvers.
systemctl --quiet --no-reload enable hubsmith-network.service
