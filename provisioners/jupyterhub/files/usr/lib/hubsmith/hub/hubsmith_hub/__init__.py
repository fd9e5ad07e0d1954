"""What Hubsmith adds to JupyterHub: Unix accounts and passwords in the browser, and limits."""

import sys

# Modules that the machine's programs share.
sys.path.append("/usr/lib/hubsmith/lib")
