# shellcheck shell=sh
# Login shells of the hub's users find their Python environment first. Nobody else's do: members of the group anaconda can change what is
# in it, and neither root nor who can become root (the login user) must run that by accident. Accounts of the hub are numbered from 1500.
case ":$PATH:" in
    *:/opt/anaconda/bin:*) ;;
    *)
        if [ "$(id -u)" -ge 1500 ] && [ -d /opt/anaconda/bin ]; then
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
