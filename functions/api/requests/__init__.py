"""Reading requests: bodies, options, keys, idempotency keys, URLs to fetch."""
