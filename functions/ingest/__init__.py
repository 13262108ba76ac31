"""Door 2: events about a bucket, on Lambda. Knows the gallery; never HTTP."""
