#!/usr/bin/env bash
# Sends the logs of hub, proxy and users' servers to /var/log/jupyterhub and keeps them, and the journal, within bounds.
set -euo pipefail
umask 022

readonly folder=/var/log/jupyterhub

# Debian's rsyslogd is root, Ubuntu's is syslog; the group adm reads logs on both.
owner_of_logs() {
    if getent passwd syslog > /dev/null; then
        echo syslog
    else
        echo root
    fi
}

# Both talk much when all is well; what they say counts only when they fail.
checked() {
    local said
    if ! said=$("$@" 2>&1); then
        printf '%s\n' "$said" >&2
        exit 1
    fi
}

echo "rsyslog and logrotate"
/usr/lib/hubsmith/apt-get install rsyslog logrotate
echo "$folder, for rsyslog to write and the group adm to read"
install --directory --mode=0750 --owner="$(owner_of_logs)" --group=adm "$folder"
checked rsyslogd -N1 -f /etc/rsyslog.conf
checked logrotate --debug /etc/logrotate.d/jupyterhub
