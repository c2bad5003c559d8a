"""Where the embedded stores of the families are: one folder, or memory."""

from dataclasses import dataclass
from pathlib import Path

from toolgate_servers.errors import CannotStart


@dataclass(frozen=True, slots=True)
class Stores:
    """The folder of the embedded stores; without one, they are in memory."""

    folder: Path | None = None

    def place(self, name: str) -> Path | None:
        """Give the file of one store, or None for memory; makes the folder, private to its owner.

        Raises:
            CannotStart: The folder cannot be made.
        """
        if self.folder is None:
            return None
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise CannotStart(
                f"--stores {self.folder}: found {type(problem).__name__}, expected a folder that can be made"
            ) from problem
        return self.folder / name
