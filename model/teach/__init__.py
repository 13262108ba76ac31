"""Teaches the model a gallery's own labels: a small linear map on top of the served vectors."""
