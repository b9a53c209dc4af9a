"""What outlives a command: the environment's folder, the journal of steps, the records of runs."""
