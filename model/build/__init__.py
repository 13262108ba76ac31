"""How the served graph is made and measured; never part of the service."""
