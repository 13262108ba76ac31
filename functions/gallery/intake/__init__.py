"""Adding and removing pictures. Depends on the ports."""
