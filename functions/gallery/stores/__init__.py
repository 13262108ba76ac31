"""Where vectors live: a folder (edge_store) or a Qdrant server (qdrant_store); alike to callers."""
