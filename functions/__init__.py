"""All of Lookalike that runs: the heart (gallery) and the doors to it (api, ingest)."""
