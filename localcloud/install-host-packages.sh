#!/bin/sh
# Install the packages of host_packages.txt, or of the list given, that are missing on this Debian or Ubuntu machine.
# As root, or through sudo, it installs them; otherwise it prints the one line to run and fails.
# Ordinary users also need ports below 1024, where instances answer ssh and https: one sysctl setting, in the same go.
# Needs nothing but a POSIX shell. Does nothing, quickly, when all is there.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
list=${1:-$(dirname "$0")/host_packages.txt}
sysctl_file=/etc/sysctl.d/60-hubsmith.conf
sysctl_line='net.ipv4.ip_unprivileged_port_start=22'

present() {  # present WHAT: see the head of host_packages.txt
    case $1 in
        /*) [ -e "$1" ] ;;
        python3:*) python3 -c "import ${1#python3:}" 2> /dev/null ;;
        *) command -v "$1" > /dev/null ;;
    esac
}

missing_packages() {
    while IFS='| ' read -r package proof _; do
        case $package in '' | '#'*) continue ;; esac
        present "$proof" || printf '%s ' "$package"
    done < "$list"
}

low_ports_closed() {
    start=/proc/sys/net/ipv4/ip_unprivileged_port_start
    [ "$(id -u)" != 0 ] && [ -r "$start" ] && [ "$(cat "$start")" -gt 22 ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null && { sudo -n true 2> /dev/null || { [ -t 0 ] && [ -t 2 ]; }; }; then
        sudo "$@"
    else
        return 1
    fi
}

packages=$(missing_packages)
if [ -n "$packages" ]; then
    if ! command -v apt-get > /dev/null; then
        echo "This machine has no apt. Install what these Debian packages hold: $packages" >&2
        exit 1
    fi
    echo "Installing $packages" >&2
    # shellcheck disable=SC2086  # one word a package
    as_root sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"' sh $packages >&2 || {
        echo "These packages are missing. Run:" >&2
        echo "    sudo apt-get update && sudo apt-get install --no-install-recommends $packages" >&2
        exit 1
    }
fi

if low_ports_closed; then
    as_root sh -c "echo $sysctl_line > $sysctl_file && sysctl -q -p $sysctl_file" || {
        echo "Instances answer on ports 22, 80 and 443 of their own addresses; an ordinary user may not open these here. Run:" >&2
        echo "    echo $sysctl_line | sudo tee $sysctl_file && sudo sysctl -p $sysctl_file" >&2
    }
fi
