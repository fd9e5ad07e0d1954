#!/bin/sh
# A stand-in for the installers of Miniforge and Anaconda that keeps their contract: a shell script with an archive at its end, which
# checks itself, asks for the licence unless -b is given, and takes -p PREFIX and -u (update what is there).
set -eu
batch=0 update=0 prefix=
while getopts bup: option; do
    case $option in
        b) batch=1 ;;
        u) update=1 ;;
        p) prefix=$OPTARG ;;
        *) exit 2 ;;
    esac
done
[ "$batch" = 1 ] || { echo "Please, press ENTER to continue"; read -r _ || exit 3; }
[ ! -e "$prefix" ] || [ "$update" = 1 ] || { echo "ERROR: File or directory already exists: '$prefix'"; exit 1; }
archive() { sed '1,/^@@END_HEADER@@$/d' "$0"; }
[ "$(archive | sha256sum | cut -c 1-64)" = "@SHA256@" ] || { echo "WARNING: checksum mismatch of archive"; exit 1; }
/usr/bin/python3 -m venv --without-pip "$prefix"
archive | tar -x -f - -C "$prefix" --no-same-owner
python=$(echo "$prefix"/lib/python3*/site-packages)
mv "$prefix"/*.dist-info "$prefix/six.py" "$python"
mkdir -p "$prefix/conda-meta" "$prefix/pkgs/six-1.16.0" "$prefix/etc/profile.d" "$prefix/condabin"
touch "$prefix/conda-meta/history" "$prefix/conda-meta/frozen" "$prefix/pkgs/urls.txt"
ln -sf ../bin/conda "$prefix/condabin/conda"
sed -i "s#@PREFIX@#$prefix#" "$prefix/bin/conda" "$prefix/etc/profile.d/conda.sh"
printf 'channels:\n  - defaults\n' > "$prefix/.condarc"
exit 0
# shellcheck disable=SC2317  # the archive begins
@@END_HEADER@@
