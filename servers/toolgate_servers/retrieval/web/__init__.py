"""The web: searching it, and fetching from it."""
