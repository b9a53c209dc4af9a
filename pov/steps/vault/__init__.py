"""Vault: the server in the cluster, what is set up in it, and who may do what."""
