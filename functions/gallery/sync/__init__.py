"""Keeping the index equal to the originals. Depends on the ports and on intake."""
