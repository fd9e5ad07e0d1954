# shellcheck shell=bash disable=SC2154
# Environments for everybody beside the shared one ($ENVIRONMENTS), each with a kernel of its name; read by the provisioner python.

readonly kernels=$prefix/share/jupyter/kernels

# What one is made of; it is kept in it, as for the shared one.
environment_inputs() {
    describe_environment
    "$tools/environment" describe "$1"
    if [[ -d $lock/environments/$1 ]]; then
        cat "$lock/environments/$1"/*.txt | sha256sum
    else
        sha256sum < "$locks/requirements.txt"
    fi
}

make_environments() {
    local name names changed=()
    names=$("$tools/environment" names)
    "$tools/environment" remove-others
    for name in $names; do
        if ! environment_inputs "$name" | cmp --silent - "$prefix/envs/$name/.hubsmith"; then
            make_environment "$name"
            changed+=("$name")
        fi
    done
    if ((${#changed[@]} > 0)); then
        echo "$prefix/envs: rights"
        let_group_install "$prefix/envs"
        let_group_install "$kernels"
        # Last of all: an interrupted run begins again.
        for name in "${changed[@]}"; do
            let_nobody_write_files "$prefix/envs/$name" "$kernels/$name"
            let_group_write_history "$prefix/envs/$name"
            environment_inputs "$name" > "$prefix/envs/$name/.hubsmith"
            let_nobody_write_files "$prefix/envs/$name/.hubsmith"
        done
    fi
    rm --recursive --force "$cache/conda"
}

make_environment() {
    local folder=$prefix/envs/$1
    echo "$folder"
    install_uv
    rm --recursive --force "$folder"
    "$tools/environment" make "$1"
    remove_traces_of_uv "$folder"
    add_packages "$folder" "$tools"/hints/*
    compile_bytecode "$folder"
    "$tools/environment" add-kernel "$1"
}

# What is made below the shared environment gets the rights of its folders, and files are not to be changed in place.
let_nobody_write_files() {
    find "$@" -type f -perm /022 -exec chmod go-w {} +
}
