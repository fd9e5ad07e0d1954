"""What Hubsmith adds to JupyterHub: Unix accounts made and given passwords in the browser, limits that grow with the machine."""
