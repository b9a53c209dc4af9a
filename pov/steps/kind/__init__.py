"""Where an environment runs on this machine: a kind cluster of its own."""
