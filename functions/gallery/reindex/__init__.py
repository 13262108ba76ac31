"""Filling a new collection while the old one serves. Depends on the ports, intake and sync."""
