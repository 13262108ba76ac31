"""The bucket entry point: events about a bucket, on Lambda. Depends on the gallery."""
