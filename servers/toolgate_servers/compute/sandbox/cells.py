"""What running a piece of code gives, and what runs it, whatever the sandbox."""

from dataclasses import dataclass
from typing import Final, Protocol

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

MAX_CODE: Final = 50_000
MAX_OUTPUT: Final = 20_000
MAX_PICTURES: Final = 8
MAX_PICTURE_BYTES: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a piece of code: its last value as Python writes it, its prints, error and pictures."""

    value: str | None
    output: str
    truncated: bool
    error: str | None
    pictures: tuple[bytes, ...] = ()


class Interpreter(Protocol):
    """One namespace in which pieces of code run one after the other."""

    def run(self, code: str, seconds: float, run: Run) -> Ran:
        """Run a piece of code.

        Raises:
            Refused: LIMIT_REACHED, SANDBOX_FAILED, CANCELLED or TIMED_OUT; afterwards look at `is_alive`.
        """
        ...

    @property
    def is_alive(self) -> bool:
        """Whether the namespace is still there."""
        ...

    def close(self) -> None:
        """End it, with everything that it started."""
        ...


def limit_reached(what: str) -> Refused:
    """Make the refusal of code that used more than it may."""
    expected = {
        "time": "code that ends sooner: less data, or more `seconds` where the tool takes them",
        "memory": "code that holds less at a time",
        "files": "fewer files",
    }
    return Refused(
        Reason.LIMIT_REACHED, "code", found=f"the limit of {what} reached", expected=expected[what]
    )


def sandbox_failed(found: str) -> Refused:
    """Make the refusal of a sandbox that did not work."""
    return Refused(
        Reason.SANDBOX_FAILED,
        "the sandbox",
        found=found,
        expected="it to work; the same call may succeed when repeated",
    )
