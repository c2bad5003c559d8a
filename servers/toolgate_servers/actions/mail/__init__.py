"""Mail: drafts, sending, reading."""
