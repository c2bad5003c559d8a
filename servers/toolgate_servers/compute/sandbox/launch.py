"""Run as a script: has itself watched over, gives up root for good if it has it, then becomes bubblewrap.

`launch.py WATCHED UID GID COUNT SOURCE... COMMAND...`: WATCHED is the pipe of the watchdog. As root, the
command sees each source as /tmp/0, /tmp/1 and so on, so that it may lie in a folder that only root can enter;
nothing outside this process sees these mounts.
"""

import ctypes
import os
import sys
from pathlib import Path

# linux/mount.h, linux/sched.h
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
CLONE_NEWNS = 0x00020000
STAGE = "/tmp"  # noqa: S108  # hidden under a file system of this process alone


def main(arguments: list[str]) -> None:
    """Be watched over, become the user, and run the command."""
    watched, uid, gid, count = (int(argument) for argument in arguments[:4])
    sources, command = arguments[4 : 4 + count], arguments[4 + count :]
    # Before bubblewrap starts: killed half way, it leaves a child of this group that waits for it for ever.
    os.write(watched, f"+-{os.getpid()}\n".encode())
    os.close(watched)
    if os.geteuid() == 0:
        _show(sources)
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    os.execve(command[0], command, {})  # noqa: S606  # becoming it is the point


def _show(sources: list[str]) -> None:
    """Mount the sources where everybody may enter, for this process and what it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    _done(libc.unshare(CLONE_NEWNS))
    _mount(libc, "none", "/", None, MS_REC | MS_PRIVATE)
    opened = [os.open(source, os.O_PATH | os.O_CLOEXEC) for source in sources]
    _mount(libc, "tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
    os.umask(0o022)
    for number, source in enumerate(opened):
        target = f"{STAGE}/{number}"
        if Path(f"/proc/self/fd/{source}").is_dir():
            Path(target).mkdir()
        else:
            Path(target).touch()
        _mount(libc, f"/proc/self/fd/{source}", target, None, MS_BIND | MS_REC)


def _mount(
    libc: ctypes.CDLL, source: str, target: str, kind: str | None, flags: int, options: str = ""
) -> None:
    named = kind.encode() if kind else None
    _done(
        libc.mount(source.encode(), target.encode(), named, ctypes.c_ulong(flags), options.encode() or None)
    )


def _done(result: int) -> None:
    if result != 0:
        problem = ctypes.get_errno()
        raise OSError(problem, os.strerror(problem))


if __name__ == "__main__":
    main(sys.argv[1:])
