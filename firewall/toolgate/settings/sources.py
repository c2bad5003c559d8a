"""Where settings come from: a file, or the defaults of a user's data folder."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from toolgate.errors import SettingsError
from toolgate.settings.values import IdentitySettings, Known, Limits, Settings, Tcp

FILE = "toolgate.yaml"
PORT = 8717


def load(path: Path) -> Settings:
    """The settings in a file. Raises SettingsError with one line per mistake."""
    from toolgate.settings.file import loaded  # pydantic and YAML cost 200 ms that `wrap` does not have

    return loaded(path)


def home() -> Path:
    """The folder of policy, keys and store: TOOLGATE_HOME, else the user's data folder. Created 0700."""
    named = os.environ.get("TOOLGATE_HOME")
    if named:
        folder = Path(named).expanduser().absolute()
    else:
        import platformdirs  # only when nobody named the folder

        folder = Path(platformdirs.user_data_dir("toolgate", appauthor=False))
    return made(folder)


def made(folder: Path) -> Path:
    """The folder itself, there and only for its owner where it was not. Raises SettingsError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as trouble:
        what = trouble.strerror or type(trouble).__name__
        raise SettingsError(f"{folder}: cannot be used as the data folder: {what}") from None
    return folder


def for_home(folder: Path) -> Settings:
    """The settings of a folder nobody configured: everything in it, the operating system's user as caller."""
    base = folder.absolute()
    listen = Tcp("127.0.0.1", PORT)
    return Settings(
        base=base,
        file=None,
        listen=listen,
        public_url=listen.url,
        policies=base / "policy.yaml",
        upstreams={},
        identity=IdentitySettings(keys=base / "keys.yaml", local=Known(_user(), ("admin",))),
        store=base / "toolgate.db",
        master_key=base / "master.key",
        approvers=base / "approvers.yaml",
        limits=Limits(),
    )


def chosen(folder: Path | None = None, file: Path | None = None) -> Settings:
    """What `--settings` or `--home` name, else the data folder: its toolgate.yaml if there is one."""
    if file is not None:
        return load(file)
    base = folder if folder is not None else home()
    return load(base / FILE) if (base / FILE).exists() else for_home(base)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without a name
        return "local"
