# shellcheck shell=sh
# Login shells find the users' Python environment first. Root's do not: members of the group anaconda can
# change what is in it, and root must not run that by accident.
case ":$PATH:" in
    *:/opt/anaconda/bin:*) ;;
    *)
        if [ "$(id -u)" -ne 0 ] && [ -d /opt/anaconda/bin ]; then
            PATH="/opt/anaconda/bin:$PATH"
        fi
        ;;
esac
# The shell function conda, for root too, who then asks for it by name; what it does to PATH is undone.
if [ -r /usr/lib/hubsmith/python/shell.sh ]; then
    hubsmith_path=$PATH
    # shellcheck source=/dev/null
    . /usr/lib/hubsmith/python/shell.sh
    PATH=$hubsmith_path
    unset hubsmith_path
fi
