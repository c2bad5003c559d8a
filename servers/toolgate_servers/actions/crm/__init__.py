"""Contacts, here or by CardDAV, and what was done with them."""
