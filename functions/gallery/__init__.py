"""The core library: pictures, vectors, matches. Does not depend on HTTP, Lambda or events.

docs/architecture.md lists the rooms, in the order in which they may depend on each other, and shows
the way of a picture through them.
"""
