"""How the served graph is made and measured; runs on a developer's machine, never in the service."""
