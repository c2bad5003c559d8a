"""The compute server: what it offers over MCP."""

import importlib.util

from toolgate_servers.compute import arithmetic
from toolgate_servers.compute.sandboxes import Sandboxes
from toolgate_servers.compute.settings import ComputeSettings, TransformSettings
from toolgate_servers.extras import need
from toolgate_servers.server import Family, ToolServer

INSTRUCTIONS = (
    "Use calculate for any arithmetic instead of working it out in text, transform_data for tables, "
    "run_python for what needs code. Nothing here reaches the network."
)


def build(settings: ComputeSettings) -> ToolServer:
    """Make the server.

    Raises:
        CannotStart: The settings cannot be met.
    """
    on = settings.families
    families = [arithmetic.family() if on.arithmetic else Family.off("arithmetic")]
    families += _python(settings)
    families += [_transform(settings.transform, on.transform), _shell(settings)]
    return ToolServer("compute", title="Compute", instructions=INSTRUCTIONS, families=families)


def _python(settings: ComputeSettings) -> list[Family]:
    on = settings.families
    if not (on.python or on.notebook):
        return [Family.off("python"), Family.off("notebook")]
    from toolgate_servers.compute import notebook, python  # late: only servers that run code need them
    from toolgate_servers.compute.notebooks import Notebooks
    from toolgate_servers.idempotency import Once

    sessions = settings.notebook.sessions if on.notebook else 0
    sandboxes = Sandboxes(settings.python, sessions)
    families = [python.family(sandboxes) if on.python else Family.off("python")]
    if not on.notebook:
        return [*families, Family.off("notebook")]
    idle = settings.notebook.idle_minutes
    notebooks = Notebooks(sandboxes, most=sessions, idle_seconds=idle * 60.0)
    return [*families, notebook.family(sandboxes, notebooks, Once(None), idle)]


def _transform(settings: TransformSettings, wanted: bool | None) -> Family:
    if wanted is False:
        return Family.off("transform")
    if wanted is None and importlib.util.find_spec("polars") is None:
        return Family(
            "transform", "off, for want of polars: pip install 'toolgate[servers]'", (), is_on=False
        )
    if wanted:
        need("polars", "families.transform")
    from toolgate_servers.compute import transform  # late: only servers that have tables need it

    return transform.family(settings)


def _shell(settings: ComputeSettings) -> Family:
    if not settings.families.shell:
        return Family.off("shell")
    from toolgate_servers.compute import shell  # late: only servers that have a shell need it

    return shell.family(settings.shell)
