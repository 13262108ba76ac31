"""Door 1: the gallery over HTTPS. Knows HTTP and the gallery; no store, no model."""
