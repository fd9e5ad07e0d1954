#!/usr/bin/env bash
# Makes /opt/anaconda, the Python environment in which every user's server and kernels run, and the environments beside it.
set -euo pipefail
umask 022

# shellcheck disable=SC2034  # read by the distributions
readonly prefix=/opt/anaconda locks=/usr/share/hubsmith/python tools=/usr/lib/hubsmith/python
# What the lock beside the manifest has for this machine, if there is one: pip.txt, and conda.txt with conda.
# shellcheck disable=SC2034
readonly lock=$PWD/lock
# Shared with the provisioners that follow and removed when the image is sealed: never part of an image.
readonly cache=/root/.cache/hubsmith uv=/root/.cache/hubsmith/uv.bin
export UV_CACHE_DIR=$cache/uv
# uv is to trust what the machine trusts, not the certificates it brings along.
export UV_SYSTEM_CERTS=true UV_NO_PROGRESS=true UV_PYTHON_DOWNLOADS=never
# For the program that makes environments.
export HUBSMITH_UV=$uv HUBSMITH_LOCK=$lock

# What the environment is made of; it is kept beside it, so that a second run finds nothing to do.
inputs() {
    describe_environment
    sha256sum < "$locks/requirements.txt"
    printf '%s\n' "${HUB_VERSION:-}" "$EXTENSIONS" "$PACKAGES"
    if [[ -d $lock ]]; then
        cat "$lock"/*.txt | sha256sum
    fi
}

# The system's own packages that the environment needs.
list_system_packages() {
    # So that users can make environments and installers can share one.
    printf '%s\n' python3-venv acl
    if grep --quiet --line-regexp nbgitpuller <<< "$EXTENSIONS"; then
        echo git
    fi
}

install_uv() {
    mkdir --parents "$cache"
    if [[ ! -x $uv ]]; then
        /usr/lib/hubsmith/fetch-wheel "$locks/uv.txt" "$cache/wheels" 'uv-*.data/scripts/uv'
        ln --symbolic --force "$cache"/wheels/uv-*.data/scripts/uv "$uv"
    fi
}

# Users cannot write beside the modules: what is not compiled now is compiled again each time it is imported. So only
# what hardly anyone imports is left out: tests, databases other than SQLite, colours for some 250 languages.
readonly seldom='/tests?/|/sqlalchemy/(testing|dialects/(mssql|mysql|oracle))/|/pygments/lexers/(?!_mapping|__init__|python|shell|sql|markup)'

compile_bytecode() {
    "$1/bin/python" -m compileall -q -j 0 -x "$seldom" "$1"/lib/python3*/site-packages
}

# Beside the packages, as it is: add_packages ENVIRONMENT FILE...
add_packages() {
    local environment=$1
    shift
    cp --recursive --no-preserve=all --target-directory \
        "$("$environment/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" "$@"
}

# uv leaves its lock behind, for everybody to write to, and the mark of a cache: backups would skip the folder.
remove_traces_of_uv() {
    rm --force "$1/.lock" "$1/CACHEDIR.TAG"
}

# Folders are the group's, and what is made in them as well; the files stay root's, so that they can be replaced
# (as pip and conda do) but not changed in place.
let_group_install() {
    chown --recursive --no-dereference root:anaconda "$1"
    find "$1" -type d -exec chmod 2775 {} +
    find "$1" -type d -exec setfacl --default --modify group:anaconda:rwX {} +
}

# Conda asks whether it may write its history to find out whether it may install; what it keeps of packages is changed in
# place. Nothing else is.
let_group_write_history() {
    if [[ -d $1/conda-meta ]]; then
        chmod --recursive g+w "$1/conda-meta"
    fi
}

# For whoever wants to know, and for the image's tests.
keep_lock() {
    rm --recursive --force "$locks/lock"
    if [[ -d $lock ]]; then
        mkdir --parents "$locks/lock"
        cp --recursive --no-preserve=all --target-directory "$locks/lock" "$lock"/.
    fi
}

make_shared_environment() {
    local system_packages
    mapfile -t system_packages < <(list_system_packages)
    echo "apt: install ${system_packages[*]}"
    /usr/lib/hubsmith/apt-get install "${system_packages[@]}"
    echo "uv"
    install_uv
    echo "$prefix: $DISTRIBUTION"
    create_environment
    echo "$prefix: packages"
    install_packages
    remove_traces_of_uv "$prefix"
    add_packages "$prefix" "$tools"/hints/*
    echo "$prefix: bytecode"
    compile_bytecode "$prefix"
    echo "$prefix: rights"
    let_group_install "$prefix"
    let_group_write_history "$prefix"
    finish_environment
    inputs > "$prefix/.hubsmith"
}

# What a distribution is stands in its own file, as four functions: describe_environment (what it is made of, in words),
# create_environment, install_packages (from $lock and nothing else, if it is there) and finish_environment (when packages and
# rights are right).
# shellcheck source=/dev/null
. "$tools/$DISTRIBUTION.sh"
# shellcheck source=/dev/null
. "$tools/environments.sh"

systemd-sysusers hubsmith-python.conf
# Users cannot write beside them either.
python3 -m compileall -q /usr/lib/hubsmith/kernels
if inputs | cmp --silent - "$prefix/.hubsmith"; then
    echo "$prefix is as it should be"
else
    make_shared_environment
fi
make_environments
keep_lock
