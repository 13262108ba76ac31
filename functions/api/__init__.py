"""The HTTPS entry point. Depends on the gallery and FastAPI; not on a store or a model."""
