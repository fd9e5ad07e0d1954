# shellcheck shell=bash disable=SC2154
# What the distributions with an installer and conda have in common; spoken to through conda's public command line.

describe_environment() {
    printf '%s\n' "$DISTRIBUTION" "$INSTALLERS" "$CHANNELS" "$CONDA_PACKAGES"
}

create_environment() {
    local installer=$cache/$DISTRIBUTION.sh
    "$tools/fetch-installer" "$DISTRIBUTION" "$installer"
    bash "$installer" -b -p "$prefix" -u > "$cache/$DISTRIBUTION.log" 2>&1 || {
        tail --lines 15 "$cache/$DISTRIBUTION.log" >&2
        echo "the installer of $DISTRIBUTION failed" >&2
        return 1
    }
    # An installer may freeze its environment (conda's CEP 22): nobody could install into it, and this one is for just that.
    rm --force "$installer" "$cache/$DISTRIBUTION.log" "$prefix/conda-meta/frozen"
    write_condarc
    add_plugin
}

# The channels are the same for everybody. Without defaults among them nobody is asked for terms they have not accepted;
# with it, whoever built the image has accepted them (accept_terms), and nobody is asked in the middle of a command.
write_condarc() {
    {
        echo "# Written by the build. A user's own settings are in ~/.condarc and go on top."
        echo "channels:"
        printf '%s\n' "$CHANNELS" | sed '/^$/d; s/.*/  - "&"/'
        echo "auto_update_conda: false"
        if [[ $ACCEPT_TERMS == true ]]; then
            printf 'plugins:\n  auto_accept_tos: true\n'
        fi
    } > "$prefix/.condarc"
}

# JupyterLab and what starts it come from PyPI, as locked; what the distribution or conda has brought already stays as
# it is: two package managers must not write the same files.
install_packages() {
    local wanted extra chosen
    export CONDA_PKGS_DIRS=$cache/conda
    if [[ -f $lock/pip.txt ]]; then
        install_locked
        return
    fi
    mapfile -t wanted < <(printf '%s\n' "$CONDA_PACKAGES" | sed '/^$/d')
    mapfile -t extra < <(printf '%s\n' "$PACKAGES" | sed '/^$/d')
    mapfile -t chosen < <(printf '%s\n' "$EXTENSIONS" | sed '/^$/d')
    if ((${#wanted[@]} > 0)); then
        "$prefix/bin/conda" install --yes --quiet --prefix "$prefix" "${wanted[@]}"
    fi
    "$prefix/bin/python" "$tools/not-there-yet" "$locks/requirements.txt" "${HUB_VERSION:-}" > "$cache/constraints.txt"
    "$uv" pip install --quiet --python "$prefix/bin/python" --constraint "$cache/constraints.txt" --override "$locks/overrides.txt" \
        "jupyterhub==${HUB_VERSION:-$(locked_version jupyterhub)}" jupyterlab notebook ipykernel jupyter-server-proxy pip \
        "${chosen[@]}" "${extra[@]}"
}

# Exactly what the lock says, and nothing is worked out here: of conda's packages files and hashes, of pip's those that
# conda or the installer has not brought.
install_locked() {
    local address=${CONDA_CHANNEL_ALIAS:-https://conda.anaconda.org}
    if [[ -f $lock/conda.txt ]]; then
        check_python
        { echo '@EXPLICIT' && sed "/:\/\//!s#^#${address%/}/#" "$lock/conda.txt"; } > "$cache/explicit.txt"
        "$prefix/bin/conda" install --yes --quiet --prefix "$prefix" --file "$cache/explicit.txt"
    fi
    "$prefix/bin/python" "$tools/not-there-yet" --locked "$lock/pip.txt" > "$cache/locked.txt"
    "$uv" pip install --quiet --python "$prefix/bin/python" --no-deps --require-hashes --requirement "$cache/locked.txt"
}

# conda itself runs on the Python of the installer: another one in its place would leave it without its modules.
check_python() {
    local here locked
    here=$("$prefix/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    locked=$(sed --quiet 's#.*/python-\([0-9]*\.[0-9]*\)\.[^/]*$#\1#p' "$lock/conda.txt")
    if [[ -n $locked && $locked != "$here" ]]; then
        echo "the lock has Python $locked and the installer of $DISTRIBUTION brings $here:" \
            "say so in python.installers.$DISTRIBUTION.python, then run invoke lock" >&2
        return 1
    fi
}

locked_version() {
    sed --quiet "s/^$1==\([^ ;]*\).*/\1/p" "$locks/requirements.txt"
}

# A plugin says what users can do where they may not install.
add_plugin() {
    add_packages "$prefix" "$tools"/conda_plugin/*
}

finish_environment() {
    rm --recursive --force "$prefix/pkgs" "$cache/conda"
    # A copy of root's: what the group can change must not be read by root's shell.
    install --mode 0644 "$prefix/etc/profile.d/conda.sh" "$tools/shell.sh"
    say_it_to_other_shells
}

# Login shells read /etc/profile.d; other interactive ones, root's and those of users made before, read this.
say_it_to_other_shells() {
    local line='. /etc/profile.d/hubsmith-python.sh'
    if ! grep --quiet --line-regexp --fixed-strings "$line" /etc/bash.bashrc; then
        printf '\n# conda, as in login shells\n%s\n' "$line" >> /etc/bash.bashrc
    fi
}
