# shellcheck shell=bash disable=SC2154
# Anaconda, under its terms of service (python.accept_terms).
if [[ $ACCEPT_TERMS != true ]]; then
    echo "python.accept_terms is not true: Anaconda's terms have to be accepted before it is installed" >&2
    exit 1
fi
export CONDA_PLUGINS_AUTO_ACCEPT_TOS=true
# shellcheck source=/dev/null
. "$tools/conda.sh"
