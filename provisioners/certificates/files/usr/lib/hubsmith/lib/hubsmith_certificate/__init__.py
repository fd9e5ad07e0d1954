"""The certificate of a machine with a domain: read (pem), got by certbot (acme), retried (attempts)."""
