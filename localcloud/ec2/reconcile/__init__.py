"""Reconcile machines in the background: bring each resource to the state that EC2's records give it."""
