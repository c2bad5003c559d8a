"""Tickets: what is to be done, by whom, and what was said about it."""
