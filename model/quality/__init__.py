"""How the model is measured: ranking, altered copies, score bands. Not part of the service."""
