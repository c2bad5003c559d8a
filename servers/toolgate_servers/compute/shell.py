"""The tool that runs one program in the jail: never a shell, only programs that the settings allow."""

import os
import shutil
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from toolgate_servers.compute.sandboxes import need_jail, spawner
from toolgate_servers.compute.settings import ShellSettings
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.idempotency import Once
from toolgate_servers.running import Run
from toolgate_servers.server import Family
from toolgate_servers.strict import Write, Written, described, hints, strict_tool

if TYPE_CHECKING:
    from toolgate_servers.compute.sandbox.jail import Jail, Mount

PATH = "/usr/local/bin:/usr/bin:/bin"
MIB = 1024 * 1024
INSIDE = "/work"
RUNS = hints(read_only=False, destructive=True, idempotent=False, open_world=False)


class RunShell(Write):
    """What `run_shell` takes."""

    argv: Annotated[
        list[Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]],
        Field(
            min_length=1,
            max_length=100,
            description="The program and its arguments, one text each. No shell reads them: no pipes, no "
            "globs, no variables.",
        ),
    ]
    folder: Annotated[
        str,
        Field(
            max_length=512,
            pattern=r"^([^/\x00][^\x00]*)?$",
            description="Where it runs: a folder below the working folder; empty for that itself.",
        ),
    ] = ""
    stdin: Annotated[
        str | None, Field(max_length=200_000, description="What it reads on standard input.")
    ] = None
    seconds: Annotated[
        int, Field(ge=1, le=600, description="How long it may run; at most what the server allows.")
    ] = 30


class ShellRan(Written):
    """What `run_shell` gives."""

    exit_code: Annotated[int, Field(description="0 for success; 128 and more when a signal ended it.")]
    stdout: Annotated[str, Field(description="Its output, up to 50,000 bytes.")]
    stderr: Annotated[str, Field(description="Its errors, up to 50,000 bytes.")]
    truncated: Annotated[bool, Field(description="True when it wrote more than is given here.")]


def family(settings: ShellSettings, once: Once | None = None) -> Family:
    """Make the family of the tool that runs programs.

    Raises:
        CannotStart: No bubblewrap works here, a program is not there, or the folder does not do.
    """
    need_jail("families.shell")
    programs = {name: _program(name) for name in settings.commands}
    if not programs:
        raise CannotStart("shell.commands: found nothing, expected the names of programs, such as [ls, grep]")
    folder = _folder(settings)

    def run_shell(arguments: RunShell, run: Run) -> ShellRan:
        from toolgate_servers.compute.sandbox.program import run_program  # late: not on every system

        name = arguments.argv[0]
        if name not in programs:
            raise _not_allowed(name, programs)
        jail = _jail(settings, programs, folder, arguments)
        given = (arguments.stdin or "").encode()
        done = run_program(jail, given, min(arguments.seconds, settings.seconds), spawner(), run)
        return ShellRan(
            exit_code=done.code,
            stdout=done.output.decode("utf-8", "replace"),
            stderr=done.errors.decode("utf-8", "replace"),
            truncated=done.truncated,
        )

    tool = strict_tool(
        run_shell,
        name="run_shell",
        takes=RunShell,
        gives=ShellRan,
        title="Run a program",
        description=described(
            f"Run one of these programs without network: {', '.join(programs)}. {_seen(settings)}",
            use="a file of the working folder must be looked at or changed by one of these programs",
            not_for="Python (run_python), or several programs in one call",
            example={"argv": [next(iter(programs)), "--help"]},
        ),
        annotations=RUNS,
        timeout=settings.seconds + 20.0,
        once=once or Once(None),
    )
    return Family("shell", f"in bubblewrap, {', '.join(programs)}; folder {folder or 'none'}", [tool])


def _jail(
    settings: ShellSettings, programs: dict[str, Path], folder: Path | None, arguments: RunShell
) -> "Jail":
    from toolgate_servers.compute.sandbox.jail import Jail, Limits

    parts = Path(arguments.folder).parts
    if ".." in parts or (folder is None and parts):
        raise _outside()
    if folder is not None and not (folder / arguments.folder).is_dir():
        raise Refused(
            Reason.NOT_FOUND, "folder", found="no such folder", expected="one below the working folder"
        )
    limits = Limits(
        memory=settings.memory_mb * MIB, cpu_seconds=settings.seconds, processes=settings.processes
    )
    owner = folder.stat().st_uid if folder is not None and settings.writable else None
    return Jail(
        command=(str(programs[arguments.argv[0]]), *arguments.argv[1:]),
        mounts=tuple(_mounts(settings, programs, folder)),
        environment={"PATH": PATH, "PAGER": "cat", "GIT_PAGER": "cat"},
        folder=f"{INSIDE}/{arguments.folder}".rstrip("/") if folder is not None else "/tmp",  # noqa: S108  # inside
        forks=True,
        limits=limits,
        user=owner,
    )


def _mounts(settings: ShellSettings, programs: dict[str, Path], folder: Path | None) -> list["Mount"]:
    from toolgate_servers.compute.sandbox.jail import Mount

    # /etc/alternatives: on Debian, awk and others are links through it.
    found = [Mount(path, str(path)) for path in (Path("/usr"), Path("/etc/alternatives")) if path.is_dir()]
    found += [Mount(path, str(path)) for path in programs.values() if not path.is_relative_to("/usr")]
    if folder is not None:
        found.append(Mount(folder, INSIDE, writable=settings.writable))
    return found


def _program(name: str) -> Path:
    found = shutil.which(name, path=PATH)
    if found is None:
        raise CannotStart(f"shell.commands: found no program {name}, expected one in {PATH}")
    # The name decides what such programs do (busybox, coreutils), so only the folder is resolved.
    path = Path(found)
    return path.parent.resolve() / path.name


def _folder(settings: ShellSettings) -> Path | None:
    folder = settings.folder
    if folder is None:
        return None
    if not folder.is_dir():
        raise CannotStart(f"shell.folder: found no folder {folder}, expected one")
    folder = folder.resolve()
    if settings.writable and os.geteuid() == 0 and folder.stat().st_uid == 0:
        raise CannotStart(
            f"shell.folder: found {folder} owned by root while this server is root, expected another owner "
            f"(chown it), as whom programs then run, or writable: false"
        )
    return folder


def _seen(settings: ShellSettings) -> str:
    if settings.folder is None:
        return "They see no files of yours."
    return f"They see the working folder, which they can {'change' if settings.writable else 'only read'}."


def _not_allowed(name: str, programs: dict[str, Path]) -> Refused:
    near = get_close_matches(name, programs, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return Refused(
        Reason.COMMAND_NOT_ALLOWED,
        "argv.0",
        found=f"a program that is not allowed{hint}",
        expected=f"one of {', '.join(programs)}",
    )


def _outside() -> Refused:
    return Refused(
        Reason.OUTSIDE_FOLDER,
        "folder",
        found="a way out of the working folder",
        expected="a folder below it, without `..`",
    )
