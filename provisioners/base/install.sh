#!/usr/bin/env bash
# Brings the machine up to date and sets what every later provisioner relies on: quiet apt, locale, time.
set -euo pipefail
umask 022

readonly apt=/usr/lib/hubsmith/apt-get

readonly timers=(apt-daily.timer apt-daily-upgrade.timer)

quiet_apt_timers() {
    # Masked in /run only: the machines launched from the image do as chosen below.
    systemctl mask --quiet --runtime --now "${timers[@]}"
    systemctl stop apt-daily.service
}

set_locale() {
    if [[ $LOCALE != C.UTF-8 ]] && ! locale --all-locales | grep --quiet --ignore-case --fixed-strings "${LOCALE/UTF-8/utf8}"; then
        "$apt" install locales
        sed --in-place "s/^# *\($LOCALE \)/\1/" /etc/locale.gen
        locale-gen "$LOCALE"
    fi
    printf 'LANG=%s\n' "$LOCALE" > /etc/default/locale
}

set_timezone() {
    if [[ ! -e /usr/share/zoneinfo/$TIMEZONE ]]; then
        echo "timezone: there is no $TIMEZONE below /usr/share/zoneinfo" >&2
        exit 1
    fi
    ln --symbolic --force --no-dereference "/usr/share/zoneinfo/$TIMEZONE" /etc/localtime
    printf '%s\n' "$TIMEZONE" > /etc/timezone
}

# Debian's EC2 images bring chrony or systemd-timesyncd, Ubuntu's chrony: whatever is there stays.
package_for_time() {
    local service
    for service in chrony.service systemd-timesyncd.service ntpsec.service; do
        if systemctl --quiet is-enabled "$service" 2> /dev/null; then
            return
        fi
    done
    echo systemd-timesyncd
}

package_for_updates() {
    if [[ $SECURITY_UPDATES == true ]]; then
        echo unattended-upgrades
    fi
}

# What is masked can be neither enabled nor disabled; nothing starts in between.
choose_security_updates() {
    local verb=disable
    if [[ $SECURITY_UPDATES == true ]]; then
        verb=enable
    fi
    systemctl unmask --quiet --runtime "${timers[@]}"
    systemctl --quiet --no-reload "$verb" "${timers[@]}"
    systemctl mask --quiet --runtime "${timers[@]}"
}

mapfile -t wanted < <(printf '%s\n' "$PACKAGES" tzdata "$(package_for_time)" "$(package_for_updates)" | sed '/^$/d')

echo "apt: quiet its timers, read the package lists"
quiet_apt_timers
"$apt" update

if [[ $UPGRADE == true ]]; then
    echo "apt: upgrade everything, install ${wanted[*]}"
    "$apt" upgrade "${wanted[@]}"
else
    echo "apt: install ${wanted[*]}"
    "$apt" install "${wanted[@]}"
fi

echo "locale $LOCALE, time zone $TIMEZONE"
set_locale
set_timezone
echo "security updates on the machines launched from this image: $SECURITY_UPDATES"
choose_security_updates
systemd-sysusers hubsmith-base.conf
python3 -m compileall -q /usr/lib/hubsmith/lib
