"""Where vectors are kept: embedded in this process, or on a Qdrant server."""
