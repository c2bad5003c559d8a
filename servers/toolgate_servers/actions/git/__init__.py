"""Local git repositories, one remote for each, and pull requests here or on GitHub."""
