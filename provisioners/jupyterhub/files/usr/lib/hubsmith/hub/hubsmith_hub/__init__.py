"""What Hubsmith adds to JupyterHub: Unix accounts made and given passwords in the browser, limits that grow
with the machine.
"""

import sys

# Modules that the machine's programs share.
sys.path.append("/usr/lib/hubsmith/lib")
