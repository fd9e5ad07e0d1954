#!/bin/bash
# Runs install.sh beside it with the variables of ./environment, and says where it failed.
set -eu
# shellcheck source=/dev/null
. ./environment
export DEBIAN_FRONTEND=noninteractive
if [ -n "${BASH_VERSION:-}" ]; then
    set -o errtrace
    # The tiny image's shell has no ERR trap; there only the status tells.
    trap 'echo "hubsmith: failed at install.sh:${LINENO}: ${BASH_COMMAND}"' ERR
fi
# shellcheck source=/dev/null
. ./install.sh
