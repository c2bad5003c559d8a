"""Run as a script: ends processes that are at work when the server that started them is gone.

Reads `+PID` and `-PID`, one to a line; when the other end closes, what is left is killed. Idle processes of
the embedded sandbox see for themselves that their input has closed; those that compute do not.
"""

import os
import signal
import sys


def main() -> None:
    """Remember what is at work, and end it when nobody is left."""
    working: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line.startswith("+"):
            working.add(pid)
        else:
            working.discard(pid)
    for pid in working:
        try:
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        except OSError:
            continue  # it has ended by itself


if __name__ == "__main__":
    main()
