"""Bytes to pictures: decoding, limits, costs and formats. The only room that uses Pillow."""
