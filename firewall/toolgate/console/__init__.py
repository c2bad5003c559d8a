"""The console: people look at calls, decide about held ones and stop things, in a browser."""

from toolgate.console.application import Console
from toolgate.console.house import House, Look

__all__ = ["Console", "House", "Look"]
