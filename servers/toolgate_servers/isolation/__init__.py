"""Work on what may be hostile in a process of its own, with a limit on memory and time."""
