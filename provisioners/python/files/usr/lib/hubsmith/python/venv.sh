# shellcheck shell=bash disable=SC2154
# The system's Python with packages from PyPI; read by the provisioner python, which says what the functions are.

describe_environment() {
    python3 --version
}

create_environment() {
    "$uv" venv --quiet --allow-existing --python /usr/bin/python3 "$prefix"
}

# A lock is complete (--no-deps), the manifest's and our own: asking each package once more what it needs would take a third
# of the time.
install_packages() {
    local extra
    if [[ -f $lock/pip.txt ]]; then
        "$uv" pip install --quiet --python "$prefix" --no-deps --require-hashes --requirement "$lock/pip.txt"
        return
    fi
    mapfile -t extra < <(printf '%s\n' "$PACKAGES" | sed '/^$/d')
    python3 "$tools/chosen-pins" "$locks/requirements.txt" "$locks/extensions.txt" > "$cache/chosen.txt"
    "$uv" pip install --quiet --python "$prefix" --no-deps --require-hashes --requirement "$cache/chosen.txt"
    if [[ -n ${HUB_VERSION:-} ]]; then
        "$uv" pip install --quiet --python "$prefix" --override "$locks/overrides.txt" "jupyterhub==$HUB_VERSION"
    fi
    if ((${#extra[@]} > 0)); then
        "$uv" pip install --quiet --python "$prefix" --constraint "$locks/requirements.txt" --override "$locks/overrides.txt" "${extra[@]}"
    fi
}

finish_environment() {
    true
}
