"""Searching and comparing. Depends on the ports; stores nothing."""
