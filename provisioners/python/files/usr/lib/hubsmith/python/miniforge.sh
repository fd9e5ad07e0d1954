# shellcheck shell=bash disable=SC2154
# Miniforge: conda with packages of conda-forge.
# shellcheck source=/dev/null
. "$tools/conda.sh"
