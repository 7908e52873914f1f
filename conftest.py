"""Shared fixtures live in `tests/cast.py`: the anchor, a viewer, another anchor, staff."""
