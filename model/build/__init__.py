"""How the served graph is built and verified; not part of the service."""
