"""The command line: `lookalike`, and `scripts/*` in a checkout. Depends on every room."""
