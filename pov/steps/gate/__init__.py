"""The gate in the cluster: the deal's repository, who may do what in it, and what judges its pull requests."""
