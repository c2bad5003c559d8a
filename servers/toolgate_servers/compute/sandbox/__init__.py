"""Places to run code that nobody has read: an interpreter of its own, or a jail of the kernel's."""
