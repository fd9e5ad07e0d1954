"""Looking after hubs: status, ssh, users, a browser."""
