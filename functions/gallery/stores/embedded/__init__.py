"""The embedded store: Qdrant's Rust core in this process, its data in one folder."""
