#!/usr/bin/env bash
# Enables the hub and its proxy. They start with the machine that is launched from the image, never on the builder:
# nothing that they make (database, secrets, logs) can get into the image.
set -euo pipefail
umask 022

echo "jupyterhub and jupyterhub-proxy start at boot"
# The builder has no need to know of them: reading all units again takes longer than the rest.
systemctl --quiet --no-reload enable jupyterhub-proxy.service jupyterhub.service
