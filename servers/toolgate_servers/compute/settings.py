"""The settings of the compute server."""

from typing import Annotated, Literal

from pydantic import Field

from toolgate_servers.config import Place, Settings


class Families(Settings):
    """Which tools are on; nothing for `transform` means: on if polars is installed."""

    arithmetic: bool = True
    python: bool = True
    notebook: bool = True
    transform: bool | None = None
    shell: bool = False


class PythonSettings(Settings):
    """Where code of `run_python` and of notebooks runs, and what it may use.

    `libraries` allows numpy, pandas and so on, in bubblewrap: nothing means if both are there.
    """

    sandbox: Literal["monty", "bubblewrap"] = "monty"
    libraries: bool | None = None
    seconds: Annotated[int, Field(ge=1, le=600)] = 30
    memory_mb: Annotated[int, Field(ge=256, le=65536)] = 1024
    embedded_memory_mb: Annotated[int, Field(ge=1, le=1024)] = 64
    at_once: Annotated[int, Field(ge=1, le=64)] = 4


class NotebookSettings(Settings):
    """How many notebooks may be open, and after how many minutes without a call one is closed."""

    sessions: Annotated[int, Field(ge=1, le=100)] = 8
    idle_minutes: Annotated[int, Field(ge=1, le=1440)] = 30


class ShellSettings(Settings):
    """Which programs `run_shell` may start, and the folder that they see as /work."""

    commands: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9._+-]+$")], ...], Field(max_length=100)
    ] = ()
    folder: Place | None = None
    writable: bool = False
    seconds: Annotated[int, Field(ge=1, le=600)] = 60
    memory_mb: Annotated[int, Field(ge=16, le=65536)] = 1024
    processes: Annotated[int, Field(ge=4, le=1000)] = 64


class TransformSettings(Settings):
    """The folder whose files `transform_data` may read; none means that data comes in the call only."""

    folder: Place | None = None


class ComputeSettings(Settings):
    """The settings file of the compute server."""

    families: Families = Families()
    python: PythonSettings = PythonSettings()
    notebook: NotebookSettings = NotebookSettings()
    shell: ShellSettings = ShellSettings()
    transform: TransformSettings = TransformSettings()
