"""The command line: one module a command (parse, one call into `pov.workflows`, show what came of it)."""
