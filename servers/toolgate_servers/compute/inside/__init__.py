"""What runs inside the jail, around code that nobody has read; it has the standard library only."""
