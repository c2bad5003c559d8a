"""What the isolated process does: a query in, an answer out."""

from types import ModuleType
from typing import Any


def work(request: dict[str, Any], blob: bytes) -> dict[str, Any]:
    """Run a query, or list the tables; `engine` is sqlite or duckdb."""
    engine = _engine(request["engine"])
    if request["what"] == "schema":
        return {"tables": engine.schema(request, blob)}
    answered: dict[str, Any] = engine.answer(request, blob).as_json()
    return answered


def _engine(name: str) -> ModuleType:
    if name == "duckdb":
        from toolgate_servers.retrieval.sql import duck  # late: only where it is installed and wanted

        return duck
    from toolgate_servers.retrieval.sql import lite

    return lite
