"""The ground floor: errors, processes, clocks, waits, redaction, paths. Knows nothing of what `pov` is for."""
