#!/usr/bin/env bash
# Makes /opt/anaconda: the Python environment in which every user's server and kernels run.
set -euo pipefail
umask 022

readonly prefix=/opt/anaconda
readonly locks=/usr/share/hubsmith/python
# Shared with the provisioners that follow and removed when the image is sealed: never part of an image.
readonly cache=/root/.cache/hubsmith uv=/root/.cache/hubsmith/uv.bin
export UV_CACHE_DIR=$cache/uv
# uv is to trust what the machine trusts, not the certificates it brings along.
export UV_SYSTEM_CERTS=true UV_NO_PROGRESS=true UV_PYTHON_DOWNLOADS=never

# What the environment is made of; it is kept beside it, so that a second run finds nothing to do.
inputs() {
    python3 --version
    sha256sum < "$locks/requirements.txt"
    printf '%s\n' "${HUB_VERSION:-}" "$PACKAGES"
}

refuse_other_distributions() {
    if [[ $DISTRIBUTION != venv ]]; then
        echo "python.distribution: '$DISTRIBUTION' cannot be installed yet; use 'venv'" >&2
        exit 1
    fi
}

install_uv() {
    mkdir --parents "$cache"
    if [[ ! -x $uv ]]; then
        /usr/lib/hubsmith/fetch-wheel "$locks/uv.txt" "$cache/wheels" 'uv-*.data/scripts/uv'
        ln --symbolic --force "$cache"/wheels/uv-*.data/scripts/uv "$uv"
    fi
}

# The lock is complete (--no-deps): asking each package once more what it needs would take a third of the time.
install_packages() {
    local extra
    mapfile -t extra < <(printf '%s\n' "$PACKAGES" | sed '/^$/d')
    "$uv" venv --quiet --allow-existing --python /usr/bin/python3 "$prefix"
    "$uv" pip install --quiet --python "$prefix" --no-deps --require-hashes --requirement "$locks/requirements.txt"
    if [[ -n ${HUB_VERSION:-} ]]; then
        "$uv" pip install --quiet --python "$prefix" "jupyterhub==$HUB_VERSION"
    fi
    if ((${#extra[@]} > 0)); then
        "$uv" pip install --quiet --python "$prefix" --constraint "$locks/requirements.txt" "${extra[@]}"
    fi
}

# Users cannot write beside the modules: what is not compiled now is compiled again each time it is imported. So only
# what hardly anyone imports is left out: tests, databases other than SQLite, colours for some 250 languages.
readonly seldom='/tests?/|/sqlalchemy/(testing|dialects/(mssql|mysql|oracle))/|/pygments/lexers/(?!_mapping|__init__|python|shell|sql|markup)'

compile_bytecode() {
    "$prefix/bin/python" -m compileall -q -j 0 -x "$seldom" "$prefix"/lib/python3*/site-packages
}

# uv leaves its lock behind, for everybody to write to, and the mark of a cache: backups would skip the folder.
remove_traces_of_uv() {
    rm --force "$prefix/.lock" "$prefix/CACHEDIR.TAG"
}

# Folders are the group's, and what is made in them as well; the files stay root's, so that they can be replaced
# (as pip does) but not changed in place.
let_group_install() {
    chgrp --recursive anaconda "$prefix"
    find "$prefix" -type d -exec chmod 2775 {} +
    find "$prefix" -type d -exec setfacl --default --modify group:anaconda:rwX {} +
}

refuse_other_distributions
systemd-sysusers hubsmith-python.conf
if inputs | cmp --silent - "$prefix/.hubsmith"; then
    echo "$prefix is as it should be"
    exit 0
fi

echo "python3-venv and acl, so that users can make environments and installers can share one"
/usr/lib/hubsmith/apt-get install python3-venv acl
echo "uv"
install_uv
echo "$prefix: packages"
install_packages
remove_traces_of_uv
echo "$prefix: bytecode"
compile_bytecode
echo "$prefix: rights"
let_group_install
inputs > "$prefix/.hubsmith"
