# shellcheck shell=sh
# Login shells find the users' Python environment first. Root's do not: members of the group anaconda can
# change what is in it, and root must not run that by accident.
if [ "$(id -u)" -ne 0 ] && [ -d /opt/anaconda/bin ]; then
    PATH="/opt/anaconda/bin:$PATH"
fi
