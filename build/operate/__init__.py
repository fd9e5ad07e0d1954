"""Looking after hubs: status, ssh, users, a browser, the end."""
