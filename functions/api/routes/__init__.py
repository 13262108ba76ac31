"""One module per group of routes; each depends on requests, responses and the gallery."""
