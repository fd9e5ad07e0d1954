#!/bin/sh
# Prints what is installed, a line each: where <tab> name <tab> version. What begins with "licence " is the licence instead, what
# begins with "bytes" the size of a folder. Reads metadata only: starts no Python, and one process reads all of it.
set -eu
if command -v dpkg-query >/dev/null; then
    dpkg-query -W -f 'dpkg\t${Package}\t${Version}\n'
fi
metadata() {
    [ -f "$1" ] || return 0
    awk '
        function told() {
            if (licence == "") licence = classified
            if (name != "" && version != "") print where "\t" name "\t" version
            if (name != "" && licence != "") print "licence " where "\t" name "\t" licence
            name = version = licence = classified = ""
        }
        FNR == 1 { told(); where = FILENAME; sub("/lib/python.*", "", where) }
        /^$/ { nextfile }
        /^Name: / { name = substr($0, 7) }
        /^Version: / { version = substr($0, 10) }
        /^License(-Expression)?: / && $0 !~ /\t/ { licence = substr($0, index($0, ": ") + 2) }
        /^Classifier: License :: / { classified = $0; sub(/.* :: /, "", classified) }
        END { told() }
    ' "$@"
}
conda_metadata() {
    [ -f "$1" ] || return 0
    awk '
        function value() { sub(/^[^:]*: *"/, ""); sub(/",?[ \t\r]*$/, ""); return $0 }
        function told() {
            if (name != "" && version != "") print "conda " where "\t" name "\t" version
            if (name != "" && licence != "") print "licence conda " where "\t" name "\t" licence
            name = version = licence = ""
        }
        FNR == 1 { told(); where = FILENAME; sub("/conda-meta/.*", "", where) }
        /^  "name": "/ { name = value() }
        /^  "version": "/ { version = value() }
        /^  "license": "/ { licence = value() }
        END { told() }
    ' "$@"
}
# Environments for everybody are below the one that they are beside.
metadata /opt/*/lib/python*/site-packages/*.dist-info/METADATA
metadata /opt/*/envs/*/lib/python*/site-packages/*.dist-info/METADATA
conda_metadata /opt/*/conda-meta/*.json
conda_metadata /opt/*/envs/*/conda-meta/*.json
du --summarize --bytes /opt/anaconda 2>/dev/null | awk '{ print "bytes\t" $2 "\t" $1 }'
