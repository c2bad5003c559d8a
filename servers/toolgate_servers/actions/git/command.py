"""How git is run: with nothing of the user's or the repository's own settings that could start a program.

Commands that look at contents run in an isolated git folder that is made for them: it has the objects of the
repository and no configuration, so no filter, hook, alias, external diff, file monitor or remote of the
repository exists there. Only refs are read and written in the repository's own folder, with hooks off.
"""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.running import Run, timed_out

MAX_OUTPUT = 4_000_000
BETWEEN_LOOKS = 0.05
NO_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = {bare}\n"

# Above every file: git-config(1), GIT_CONFIG_COUNT.
OVERRIDES = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.askPass": "",
    "core.pager": "cat",
    "core.quotePath": "false",
    "core.alternateRefsCommand": "",
    "credential.helper": "",
    "diff.external": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "log.showSignature": "false",
    "push.gpgSign": "false",
    "http.followRedirects": "false",
    "http.sslVerify": "true",
    "protocol.allow": "never",
    "uploadpack.packObjectsHook": "",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A repository on disk."""

    folder: Path
    git_folder: Path
    bare: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What a command that ended said."""

    status: int
    output: bytes

    @property
    def text(self) -> str:
        """The output as text, without the last line end."""
        return self.output.decode("utf-8", errors="replace").removesuffix("\n")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and with what a command runs."""

    folder: Path
    environment: Mapping[str, str]
    overrides: Mapping[str, str] = field(default_factory=dict[str, str])


def place_of(name: str, folder: Path) -> Place:
    """See that a folder is a repository whose .git is in it.

    Raises:
        CannotStart: It is not, or it leads elsewhere.
    """
    inner = folder / ".git"
    git_folder = inner if inner.exists() or inner.is_symlink() else folder
    wanted = ("HEAD", "objects", "refs")
    if git_folder.is_symlink() or not all((git_folder / one).exists() for one in wanted):
        raise CannotStart(
            f"git.repositories.{name}.path {folder}: found no repository with its own .git folder, expected "
            "one; links and linked working trees are not supported"
        )
    if (git_folder / "config").exists() and "objectformat" in (git_folder / "config").read_text(
        "utf-8"
    ).lower():
        raise CannotStart(
            f"git.repositories.{name}.path {folder}: found another object format, expected sha1"
        )
    return Place(folder.resolve(), git_folder.resolve(), bare=git_folder == folder)


def make_workspace(folder: Path) -> None:
    """Make an empty bare repository, unless it is there: gitrepository-layout(5)."""
    for inner in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (folder / inner).mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / "HEAD").exists():
        (folder / "config").write_text(NO_CONFIG.format(bare="true"))
        (folder / "HEAD").write_text("ref: refs/heads/main\n")


def in_repository(place: Place) -> Setting:
    """Where refs are read and written: the repository's own folder."""
    return Setting(place.git_folder, {"GIT_DIR": str(place.git_folder)})


@contextmanager
def isolated(place: Place, head: str | None = None, *, tree: bool = False) -> Generator[Setting]:
    """Where contents are read and written: the objects of the repository, without its configuration.

    With `tree`, its working tree and index are there too, and `head` is the commit that they belong to.
    """
    with tempfile.TemporaryDirectory(prefix="toolgate-git-") as name:
        folder = Path(name)
        for inner in ("objects", "refs"):
            (folder / inner).mkdir()
        (folder / "HEAD").write_text(f"{head}\n" if head else "ref: refs/heads/none\n")
        (folder / "config").write_text(NO_CONFIG.format(bare="false" if tree else "true"))
        environment = {"GIT_DIR": name, "GIT_OBJECT_DIRECTORY": str(place.git_folder / "objects")}
        if (place.git_folder / "shallow").exists():
            environment["GIT_SHALLOW_FILE"] = str(place.git_folder / "shallow")
        if tree:
            environment |= {
                "GIT_WORK_TREE": str(place.folder),
                "GIT_INDEX_FILE": str(place.git_folder / "index"),
            }
        else:
            environment["GIT_INDEX_FILE"] = str(folder / "index")
        ignored = {"core.excludesFile": str(place.git_folder / "info" / "exclude")}
        yield Setting(place.folder if tree else folder, environment, ignored)


def git(
    setting: Setting,
    arguments: Sequence[str],
    run: Run,
    *,
    sent: bytes = b"",
    at_most: int = MAX_OUTPUT,
    cut: bool = False,
) -> Said:
    """Run git and give what it said; with `cut`, no more than the beginning of a longer output.

    Raises:
        Refused: TIMED_OUT, CANCELLED or TOO_LARGE; NOT_AVAILABLE when there is no git.
    """
    run.check()
    with tempfile.TemporaryFile() as given:
        given.write(sent)
        given.seek(0)
        try:
            process = subprocess.Popen(
                ["git", "--no-pager", *arguments],
                cwd=setting.folder,
                env=_environment(setting),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=os.name == "posix",
            )
        except FileNotFoundError:
            raise Refused(
                Reason.NOT_AVAILABLE,
                "git",
                found="no git on this machine",
                expected="the operator to install it",
            ) from None
        output, too_long = _collected(process, run, at_most)
    run.check()
    if too_long and not cut:
        raise Refused(
            Reason.TOO_LARGE,
            "the output of git",
            found=f"more than {at_most} bytes",
            expected="a smaller question: a path, or fewer commits",
        )
    return Said(0 if too_long else process.returncode, output)


def _collected(process: "subprocess.Popen[bytes]", run: Run, at_most: int) -> tuple[bytes, bool]:
    """Read what a command says, and end it when nobody waits any more or it says too much."""
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process, run, done), name="git watcher", daemon=True)
    watcher.start()
    output = bytearray()
    assert process.stdout is not None
    try:
        while len(output) <= at_most and (chunk := process.stdout.read(65536)):
            output += chunk
        too_long = len(output) > at_most
        if too_long:
            _end(process)
    finally:
        done.set()
        process.stdout.close()
        watcher.join()
        try:
            process.wait(timeout=max(1.0, run.remaining()))
        except subprocess.TimeoutExpired:
            _end(process)
            process.wait()
            raise timed_out() from None
    return bytes(output[:at_most]), too_long


def _watch(process: "subprocess.Popen[bytes]", run: Run, done: threading.Event) -> None:
    while not done.wait(BETWEEN_LOOKS):
        if run.cancelled():
            _end(process)
            return


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        pass  # it has ended meanwhile


def _environment(setting: Setting) -> dict[str, str]:
    overrides = {**OVERRIDES, **setting.overrides}
    numbered = {
        f"GIT_CONFIG_{part}_{number}": text
        for number, pair in enumerate(overrides.items())
        for part, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP") if name in os.environ}
    return {
        **kept,
        "HOME": os.devnull,
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": str(len(overrides)),
        **numbered,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": "false",
        "GIT_PROXY_COMMAND": "false",
        "GIT_EDITOR": "false",
        "GIT_PAGER": "cat",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        **setting.environment,
    }
