"""Run as a script inside the jail: sets the limits, then becomes the command, or runs Python itself.

`enter.py LIFELINE MEMORY CPU PROCESSES FILES FILE_BYTES [COMMAND...]`
"""

import os
import resource
import runpy
import select
import sys
from pathlib import Path

LIMITS = (
    resource.RLIMIT_AS,
    resource.RLIMIT_CPU,
    resource.RLIMIT_NPROC,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_FSIZE,
)


def main(arguments: list[str]) -> None:
    """Enter, unless nobody is left outside."""
    lifeline, limits, command = int(arguments[0]), arguments[1:6], arguments[6:]
    for kind, most in zip(LIMITS, limits, strict=True):
        resource.setrlimit(kind, (int(most), int(most)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # From here on the jail dies with the server. Did it die before? Then the other end is closed.
    watch = select.poll()
    watch.register(lifeline, 0)
    if watch.poll(0):
        sys.exit("nobody is left outside")
    os.close(lifeline)
    if command:
        os.execvp(command[0], command)  # noqa: S606  # becoming the command is the point, no shell wanted
    runpy.run_path(str(Path(__file__).with_name("guest.py")), run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
