"""Git: the server, the configuration repository and its content, the way to prod."""
