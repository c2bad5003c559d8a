"""The retrieval server as a whole: its examples, its settings, its command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpcore2
import pytest
from mcp import Client
from pydantic import ValidationError

from made_documents import docx_file, pdf
from tool_examples import run_examples
from toolgate_servers.command_line import EXIT_MISUSE
from toolgate_servers.config import load_settings
from toolgate_servers.net import Net, Reach
from toolgate_servers.retrieval import documents
from toolgate_servers.retrieval.__main__ import main
from toolgate_servers.retrieval.reading.reader import Reader
from toolgate_servers.retrieval.server import build, library_of
from toolgate_servers.retrieval.settings import RetrievalSettings
from toolgate_servers.retrieval.sql import family as sql
from toolgate_servers.retrieval.sql.databases import FolderTables, Limits
from toolgate_servers.retrieval.web import fetch, search
from toolgate_servers.retrieval.web.engines import LocalIndex
from toolgate_servers.server import ToolServer

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n"
    b'{"items": [{"id": "a1"}]}'
)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "welcome.md").write_text("# Welcome\n\n## Refund policy\n\nMoney comes back within a week.")
    (folder / "prices.csv").write_text("name,price\ntea,2\ncoffee,3\n")
    (folder / "guide.pdf").write_bytes(
        pdf("Opening hours", "Closed on Sunday", title="The Guide", outline=True)
    )
    (folder / "leave.docx").write_bytes(docx_file())
    return folder


@pytest.fixture
def reader() -> Iterator[Reader]:
    kept = Reader()
    yield kept
    kept.close()


async def test_every_example_works(docs: Path, reader: Reader) -> None:
    library = library_of(RetrievalSettings(folder=docs), reader)
    tables = FolderTables("documents", library.folder)
    net = Net(
        Reach(), resolve=lambda _host, _port: ["93.184.215.14"], backend=httpcore2.MockBackend([ANSWER])
    )
    families = [
        documents.family(library, ""),
        search.family(LocalIndex(library), ""),
        sql.family([tables], Limits(), ""),
        fetch.family(net, reader, fetch.Credentials({}), ""),
    ]
    assert await run_examples(ToolServer("retrieval", families=families)) == [
        *("search_knowledge", "read_document", "list_documents", "web_search"),
        *("query_sql", "list_tables", "fetch_api"),
    ]
    tables.close()


async def asked(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return cast("dict[str, Any]", result.structured_content)


async def test_what_a_search_cites_can_be_read_there(docs: Path) -> None:
    async with Client(build(RetrievalSettings(folder=docs))) as client:
        (hit,) = (await asked(client, "search_knowledge", query="Sunday"))["results"]
        assert (hit["path"], hit["page"], hit["heading"]) == ("guide.pdf", 2, "Closed on Sunday")
        limit = hit["end"] - hit["start"]
        part = await asked(client, "read_document", path=hit["path"], offset=hit["start"], limit=limit)
        assert (part["text"], part["page"], part["pages"]) == ("Closed on Sunday", 2, 2)
        page = await asked(client, "read_document", path="guide.pdf", pages="1")
        assert page["text"].strip() == "Opening hours"
        outline = await asked(client, "read_document", path="leave.docx", view="outline")
        assert [entry["title"] for entry in outline["outline"]] == ["Leave", "Sick leave"]
        tables = await asked(client, "read_document", path="leave.docx", view="tables")
        assert tables["tables"][0]["rows"] == [["Year", "Days"], ["2026", "30"]]


async def test_csv_files_are_tables(docs: Path) -> None:
    async with Client(build(RetrievalSettings(folder=docs))) as client:
        (table,) = (await asked(client, "list_tables"))["tables"]
        assert (table["name"], [column["name"] for column in table["columns"]]) == (
            "prices",
            ["name", "price"],
        )
        question = {"sql": "SELECT sum(price) AS all_of_them FROM prices WHERE price > ?", "parameters": [1]}
        assert (await asked(client, "query_sql", **question))["rows"] == [[5]]
        plan = await asked(client, "query_sql", sql="SELECT * FROM prices", explain=True)
        assert "prices" in str(plan["rows"])
        unknown = await client.call_tool("query_sql", {"sql": "SELECT prise FROM prices"})
        assert unknown.is_error
        assert "price" in str(unknown.content)


async def test_a_pdf_as_a_resource_is_its_bytes(docs: Path) -> None:
    async with Client(build(RetrievalSettings(folder=docs))) as client:
        (content,) = (await client.read_resource("file:///docs/guide.pdf")).contents
        assert content.mime_type == "application/pdf"
        assert hasattr(content, "blob")


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "retrieval.yaml"
    file.write_text(text)
    return file


def test_a_check_says_what_is_on(docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(
        tmp_path,
        "folder: docs\nindex: index.db\nfamilies: {sql: false}\n"
        "web: {searxng: 'http://127.0.0.1:8888'}\nfetch: {hosts: [api.example.com]}\n",
    )
    assert main(["--config", str(file), "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"documents: on, folder {docs}")
    assert lines[1] == "web: on, SearXNG at http://127.0.0.1:8888; web_search"
    assert lines[2:] == ["sql: off", "fetch: on, hosts api.example.com; fetch_api"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("web: {brave: {key: 'env:NO_SUCH_KEY_HERE'}}", "env:NO_SUCH_KEY_HERE"),
        ("databases: {sales: {sqlite: nowhere.db}}", "nowhere.db"),
        ("databases: {sales: {files: nowhere}}", "databases.sales.files"),
        ("databases: {documents: {files: docs}}", "databases.documents"),
        ("databases: {sales: {}}", "exactly one of sqlite, files and postgresql"),
        ("databases: {Sales: {files: docs}}", "databases.Sales"),
        ("fetch: {private: [home]}", "fetch.private"),
        ("web: {searxng: 'http://a@b/'}", "web.searxng"),
        ("famlies: {sql: false}", "did you mean families?"),
        ("folder: nowhere", "nowhere"),
    ],
)
def test_settings_that_do_not_work_are_named(
    docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = written(tmp_path, text if text.startswith("folder") else f"folder: docs\n{text}\n")
    assert main(["--config", str(file), "--check"]) == EXIT_MISUSE
    assert said in capsys.readouterr().err


def test_an_option_takes_precedence_over_the_file(docs: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "folder: nowhere\n")
    assert main(["--config", str(file), "--folder", str(docs), "--check"]) == 0
    assert load_settings(file, RetrievalSettings).folder == tmp_path / "nowhere"


def test_an_index_is_made_from_the_command_line(
    docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "index.db"
    assert main(["--folder", str(docs), "--index", str(index), "--reindex"]) == 0
    assert "4 documents, 0 skipped" in capsys.readouterr().err
    assert index.exists()
    assert main(["--folder", str(docs), "--reindex"]) == EXIT_MISUSE
    assert "--index" in capsys.readouterr().err


def test_two_search_engines_are_one_too_many() -> None:
    with pytest.raises(ValidationError):
        RetrievalSettings.model_validate({"web": {"searxng": "http://a/", "brave": {"key": "env:A"}}})


async def test_a_query_that_takes_a_while_tells_that_it_runs(docs: Path) -> None:
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    many = (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t LIMIT 4000000) SELECT max(n) FROM t"
    )
    async with Client(build(RetrievalSettings(folder=docs))) as client:
        result = await client.call_tool("query_sql", {"sql": many}, progress_callback=note)
    assert result.structured_content is not None
    assert result.structured_content["rows"] == [[4_000_000]]
    assert len(seen) > 1
    assert seen == sorted(set(seen))
