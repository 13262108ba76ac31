"""The heart: pictures, vectors, matches. Knows nothing of HTTP, Lambda or events.

An upload passes through four files in order: pictures.py opens it, embedder.py gives it a vector,
originals.py keeps its bytes, edge_store.py or qdrant_store.py remembers its vector.
"""
