"""The databases that can be asked, one shape for all of them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from toolgate_servers.errors import CannotStart
from toolgate_servers.isolation.parent import MEBIBYTE, Isolated
from toolgate_servers.retrieval.folder import Folder
from toolgate_servers.retrieval.formats import ending
from toolgate_servers.retrieval.sql.answers import Answer, Cell
from toolgate_servers.running import Run

WORK = "toolgate_servers.retrieval.sql.worker:work"
MAX_FILES = 200
MAX_TABLE_BYTES = 64 * MEBIBYTE
SEPARATED = {".csv": ",", ".tsv": "\t"}
FILE_ENDINGS = frozenset({".csv", ".tsv", ".parquet", ".json"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a query may take and give; bytes are of the answer."""

    rows: int = 100
    bytes: int = 200_000
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table or view, and the name and type of each column."""

    name: str
    kind: str
    columns: list[tuple[str, str]]


class Asked(Protocol):
    """A database that can be asked; `dialect` is sqlglot's name of its SQL."""

    name: str
    dialect: str
    placeholder: str

    def query(
        self, sql: str, parameters: list[Cell], limits: Limits, *, explain: bool, run: Run | None = None
    ) -> Answer:
        """Run one query that was checked."""
        ...

    def tables(self, limits: Limits, run: Run | None = None) -> list[TableShape]:
        """List the tables and views."""
        ...

    def close(self) -> None:
        """End what is open."""
        ...


class _InProcess:
    """A database whose engine works in a process of its own."""

    placeholder = "?"

    def __init__(self, name: str, dialect: str, memory: int) -> None:
        self.name = name
        self.dialect = dialect
        self._process = Isolated(WORK, where="sql", memory=memory)

    def query(
        self, sql: str, parameters: list[Cell], limits: Limits, *, explain: bool, run: Run | None = None
    ) -> Answer:
        """Run one query that was checked.

        Raises:
            Refused: What the engine raises; TIMED_OUT, CANCELLED or TOO_LARGE when it had to be ended.
        """
        request = {
            "what": "query",
            "sql": sql,
            "parameters": parameters,
            "explain": explain,
            "max_rows": limits.rows,
            "max_bytes": limits.bytes,
            "seconds": limits.seconds,
        }
        found = self._call(request, limits, run)
        return Answer(found["columns"], found["rows"], found["is_cut"])

    def tables(self, limits: Limits, run: Run | None = None) -> list[TableShape]:
        """List the tables and views.

        Raises:
            Refused: What the engine raises.
        """
        found = self._call({"what": "schema"}, limits, run)["tables"]
        return [
            TableShape(table["name"], table["kind"], [(column, form) for column, form in table["columns"]])
            for table in found
        ]

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _call(self, request: dict[str, Any], limits: Limits, run: Run | None) -> dict[str, Any]:
        source, blob = self._source()
        # The engine stops by itself; the process is ended when it does not.
        return self._process.call({**request, **source}, blob, seconds=limits.seconds + 2, run=run)

    def _source(self) -> tuple[dict[str, Any], bytes]:
        raise NotImplementedError


class SqliteFile(_InProcess):
    """A SQLite file, opened for reading only."""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(name, "sqlite", 1024 * MEBIBYTE)
        if not file.is_file():
            raise CannotStart(f"databases.{name}.sqlite {file}: found no file there, expected a SQLite file")
        self._file = file

    def _source(self) -> tuple[dict[str, Any], bytes]:
        return {"engine": "sqlite", "file": str(self._file)}, b""


class FolderTables(_InProcess):
    """The CSV files of the folder of documents, as SQLite tables in memory."""

    def __init__(self, name: str, folder: Folder) -> None:
        super().__init__(name, "sqlite", 1024 * MEBIBYTE)
        self._folder = folder

    def _source(self) -> tuple[dict[str, Any], bytes]:
        paths = [entry.path for entry in self._folder.contents().entries if ending(entry.path) in SEPARATED]
        tables: list[dict[str, Any]] = []
        blobs: list[bytes] = []
        for name, path in table_names(paths[:MAX_FILES]).items():
            raw = self._folder.read(path)
            if sum(map(len, blobs)) + len(raw) > MAX_TABLE_BYTES:
                break
            tables.append({"name": name, "size": len(raw), "delimiter": SEPARATED[ending(path)]})
            blobs.append(raw)
        return {"engine": "sqlite", "tables": tables}, b"".join(blobs)


class Files(_InProcess):
    """CSV, Parquet and JSON files of a folder, through DuckDB; links are not followed."""

    def __init__(self, name: str, folder: Path) -> None:
        # DuckDB reserves far more addresses than memory; it keeps to 512 MB of its own.
        super().__init__(name, "duckdb", 8192 * MEBIBYTE)
        if not folder.is_dir():
            raise CannotStart(
                f"databases.{name}.files {folder}: found no folder there, expected an existing one"
            )
        self._root = folder.resolve()

    def _source(self) -> tuple[dict[str, Any], bytes]:
        found = sorted(
            path.relative_to(self._root).as_posix()
            for path in self._root.rglob("*")
            if path.suffix.lower() in FILE_ENDINGS and path.is_file() and self._is_plain(path)
        )
        files = {name: str(self._root / path) for name, path in table_names(found[:MAX_FILES]).items()}
        return {"engine": "duckdb", "files": files}, b""

    def _is_plain(self, path: Path) -> bool:
        return path.resolve() == path and not any(
            part.startswith(".") for part in path.relative_to(self._root).parts
        )


def table_names(paths: list[str]) -> dict[str, str]:
    """Give each file the name of a table: that of the file, with its folders where two would be the same."""
    names: dict[str, str] = {}
    for path in paths:
        stem = path.rpartition("/")[2].rpartition(".")[0]
        name = _identifier(stem)
        if name in names:
            name = _identifier(path.replace("/", "_").replace(".", "_"))
        if name not in names:
            names[name] = path
    return names


def _identifier(text: str) -> str:
    name = re.sub(r"\W+", "_", text.lower(), flags=re.ASCII).strip("_")[:60]
    return name if name and not name[0].isdigit() else f"table_{name}"
