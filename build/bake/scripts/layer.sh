#!/bin/sh
# A layer is a snapshot of a builder between two provisioners; another builder starts from it. Runs as root.
#   layer.sh begin     on a builder before its first provisioner: note what its base image starts at boot
#   layer.sh hold [S]  note what runs and what does not, hold the root file system still, say "still", let go at the end of standard input
#   layer.sh resume    on a builder that came up from a layer: as it was when the snapshot was taken; nobody else's key may be left
# A machine without systemd or fsfreeze has nothing to note or to hold; its file systems are synced.
set -eu
state=/var/lib/hubsmith/build/layer
generator=/etc/systemd/system-generators/hubsmith-layer
longest=${2:-60}  # seconds; then the file system is let go in any case

has() { command -v "$1" >/dev/null; }
boot_id() { cat /proc/sys/kernel/random/boot_id; }
enabled() { find /etc/systemd/system -path '*.wants/*' -o -path '*.requires/*' | sed 's#.*/##' | sort -u; }

begin() {
    mkdir -p "$state"
    enabled >"$state/base"
}

# What provisioners enabled is for machines launched from the image: not started on this builder, it must not start on the next
# one, where it would make secrets. What a package started here (a logger, cron) starts there as well.
note() {
    systemctl list-units --plain --no-legend --state=active | awk '{ print $1 }' >"$state/active"
    enabled | grep -vxF -f "$state/base" | grep -vxF -f "$state/active" >"$state/held" || true
    find /run/systemd/system -maxdepth 1 -type l | while read -r link; do
        [ "$(readlink "$link")" != /dev/null ] || basename "$link"
    done >"$state/masked"
    boot_id >"$state/boot-id"
    mkdir -p "${generator%/*}"
    # A systemd generator: asked at each boot (and reload) before any unit starts; $2 is what overrides /etc.
    cat >"$generator" <<'END'
#!/bin/sh
state=/var/lib/hubsmith/build/layer
[ "$(cat "$state/boot-id" 2>/dev/null)" != "$(cat /proc/sys/kernel/random/boot_id)" ] || exit 0
cat "$state/held" "$state/masked" 2>/dev/null | while read -r unit; do ln -sf /dev/null "$2/$unit"; done
END
    chmod 755 "$generator"
}

hold() {
    [ ! -d /run/systemd/system ] || note
    sync
    if ! has fsfreeze; then
        echo still
        cat >/dev/null
        return
    fi
    # Before the freeze, as nothing that has to be read from the disk first may be needed after it.
    (sleep "$longest" && fsfreeze --unfreeze /) >/dev/null 2>&1 </dev/null &
    timer=$!
    trap 'fsfreeze --unfreeze / 2>/dev/null' EXIT HUP INT TERM
    fsfreeze --freeze /
    echo still
    cat >/dev/null
    trap - EXIT HUP INT TERM
    # Fails when the timer was first: then the file system has moved on, and the snapshot is not to be trusted.
    fsfreeze --unfreeze /
    kill "$timer" 2>/dev/null || true
}

resume() {
    others=$(cat /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys 2>/dev/null | grep ' hubsmith-run$' | awk '{ print $(NF - 1) }' | sort -u | wc -l)
    if [ "$others" -gt 1 ]; then
        echo "the layer lets $others keys in"
        exit 1
    fi
    [ -d /run/systemd/system ] || return 0
    boot_id >"$state/boot-id"
    systemctl daemon-reload
    while read -r unit; do systemctl mask --quiet --runtime --now "$unit"; done <"$state/masked"
}

"$1"
