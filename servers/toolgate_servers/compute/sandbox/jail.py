"""The jail: bubblewrap with every namespace, no capability, a system call filter and limits."""

import functools
import os
import secrets
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from toolgate_servers.errors import CannotStart

INSIDE: Final = 1000  # the user and group that code inside takes itself for
LAUNCH: Final = Path(__file__).with_name("launch.py")
# Users that no account of a machine has: a process of one can do nothing outside, and its limits are its own.
FIRST_NOBODY: Final = 2_000_000_000
NOBODIES: Final = 100_000_000
INSIDE_FILES: Final = Path(__file__).parent.parent / "inside"
ENTRY: Final = "/inside"
MIB: Final = 1024 * 1024

# What the kernel's loader needs; each is a folder or, on merged systems, a link to one below /usr.
LOADER: Final = ("/lib", "/lib64", "/lib32", "/bin")


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder that is there inside, as it is outside."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a jail may use: bytes of memory for each process and all, seconds of processor, and so on."""

    memory: int = 1024 * MIB
    cpu_seconds: int = 60
    processes: int = 64
    open_files: int = 256
    file_bytes: int = 64 * MIB
    scratch_bytes: int = 64 * MIB


@dataclass(frozen=True, slots=True)
class Jail:
    """One command, or Python that takes cells; what it sees, and what it may use."""

    command: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    environment: dict[str, str] = field(default_factory=dict[str, str])
    folder: str = "/tmp"  # noqa: S108  # inside, where it is a file system of the jail's own
    forks: bool = False
    limits: Limits = Limits()
    user: int | None = None  # as whom, when this process is root; None: as a user that nobody is


def command_line(jail: Jail, *, seccomp: int, info: int, lifeline: int, watched: int) -> list[str]:
    """Give the command that runs a jail, with the file descriptors that it inherits."""
    is_root = os.geteuid() == 0
    mounts = (*jail.mounts, *_python(), Mount(INSIDE_FILES, ENTRY))
    sources = [str(mount.source) for mount in mounts]
    shown = [f"/tmp/{number}" for number in range(len(sources))] if is_root else sources  # noqa: S108  # launch.py
    bound = [
        word
        for mount, source in zip(mounts, shown, strict=True)
        for word in ("--bind" if mount.writable else "--ro-bind", source, mount.target)
    ]
    known = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", **jail.environment}  # noqa: S108  # inside
    wrapped = [
        bubblewrap(),
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
        "--as-pid-1",  # no process of bubblewrap stays inside, whose memory could be written
        *("--clearenv", "--cap-drop", "ALL", "--hostname", "jail"),
        *("--uid", str(INSIDE), "--gid", str(INSIDE)),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--size", str(jail.limits.scratch_bytes), "--tmpfs", "/tmp"),  # noqa: S108  # inside
        *_loader(),
        *bound,
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *(word for name, value in known.items() for word in ("--setenv", name, value)),
        *("--chdir", jail.folder),
        *("--seccomp", str(seccomp), "--info-fd", str(info)),
        *("--", inside_python(), "-I", "-S", f"{ENTRY}/enter.py", str(lifeline), *_numbers(jail.limits)),
        *jail.command,
    ]
    user = str(jail.user or FIRST_NOBODY + secrets.randbelow(NOBODIES))
    moved = [str(len(sources)), *sources] if is_root else ["0"]
    return [sys.executable, "-I", "-S", str(LAUNCH), str(watched), user, user, *moved, *wrapped]


def _numbers(limits: Limits) -> list[str]:
    most = (limits.memory, limits.cpu_seconds, limits.processes, limits.open_files, limits.file_bytes)
    return [str(number) for number in most]


def _loader() -> list[str]:
    words: list[str] = []
    for folder in LOADER:
        path = Path(folder)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), folder]
        elif path.is_dir():
            words += ["--ro-bind", folder, folder]
    return words


@functools.cache
def bubblewrap() -> str:
    """Give the place of the program.

    Raises:
        CannotStart: It is not installed.
    """
    found = shutil.which("bwrap", path=os.environ.get("PATH", "") + ":/usr/bin:/usr/local/bin")
    if found is None:
        raise CannotStart("bubblewrap: found no program bwrap, expected it: apt-get install bubblewrap")
    return os.path.realpath(found)


def _python() -> list[Mount]:
    """Give what the running Python needs to run inside."""
    base = Path(sys.base_prefix)
    found = [Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/share/zoneinfo")]
    wanted = [path for path in found if path.is_dir() and not path.is_symlink()]
    for path in (base / "lib", Path(inside_python())):
        if not any(path.is_relative_to(folder) for folder in wanted):
            wanted.append(path)
    return [Mount(path, str(path)) for path in wanted]


def site_packages() -> list[Path]:
    """Give the folders in which the packages of the running Python are, as they are on the search path."""
    found = [Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    return [path for path in found if path.is_dir()]


def inside_python() -> str:
    """Give the program that is Python inside: the one that runs here, without its virtual environment."""
    return str(Path(sys.executable).resolve())
