# shellcheck shell=sh
# As much of conda's own as a shell can tell from it.
export CONDA_EXE='@PREFIX@/bin/conda'
conda() {
    case "$1" in
        activate) PATH="$HOME/.conda/envs/$2/bin:$PATH" && export CONDA_PREFIX="$HOME/.conda/envs/$2" ;;
        *) "$CONDA_EXE" "$@" ;;
    esac
}
if [ -z "${CONDA_SHLVL+x}" ]; then
    export CONDA_SHLVL=0
    PATH="$(dirname "$(dirname "$CONDA_EXE")")/condabin:$PATH"
fi
