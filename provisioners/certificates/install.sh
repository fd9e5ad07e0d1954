#!/usr/bin/env bash
# Makes /opt/certbot. No account and no certificate is ever part of an image: they are made on the machines launched from it.
set -euo pipefail
umask 022

readonly prefix=/opt/certbot
readonly locks=/usr/share/hubsmith/certificates
# What the python provisioner left for the length of the build; removed when the image is sealed.
readonly cache=/root/.cache/hubsmith uv=/root/.cache/hubsmith/uv.bin
export UV_CACHE_DIR=$cache/uv UV_SYSTEM_CERTS=true UV_NO_PROGRESS=true UV_PYTHON_DOWNLOADS=never

# What the environment is made of; it is kept beside it, so that a second run finds nothing to do.
inputs() {
    python3 --version
    sha256sum < "$locks/requirements.txt"
}

# Not compiled: root runs it twice a day, and may write beside the modules.
install_certbot() {
    "$uv" venv --quiet --allow-existing --python /usr/bin/python3 "$prefix"
    "$uv" pip install --quiet --python "$prefix" --link-mode copy --no-deps --require-hashes --requirement "$locks/requirements.txt"
    rm --force "$prefix/.lock" "$prefix/CACHEDIR.TAG"
}

echo "certbot renews by its timer"
python3 -m compileall -q /usr/lib/hubsmith/lib
systemctl --quiet --no-reload enable certbot-renew.timer
if inputs | cmp --silent - "$prefix/.hubsmith"; then
    echo "$prefix is as it should be"
    exit 0
fi
echo "$prefix: packages"
install_certbot
inputs > "$prefix/.hubsmith"
