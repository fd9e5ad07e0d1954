#!/bin/sh
# Prints what is installed, a line each: where <tab> name <tab> version. Reads metadata only: starts no Python, and one
# process reads all of it.
set -eu
if command -v dpkg-query >/dev/null; then
    dpkg-query -W -f 'dpkg\t${Package}\t${Version}\n'
fi
set -- /opt/*/lib/python*/site-packages/*.dist-info/METADATA
[ -f "$1" ] || exit 0
awk '
    FNR == 1 { where = FILENAME; sub("/lib/python.*", "", where); name = version = "" }
    /^Name: / { name = substr($0, 7) }
    /^Version: / { version = substr($0, 10) }
    name != "" && version != "" { print where "\t" name "\t" version; nextfile }
' "$@"
