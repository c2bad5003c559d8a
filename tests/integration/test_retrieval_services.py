"""The retrieval server against stand-ins of the services it asks: search engines, embeddings, an API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent

from tool_calls import value
from toolgate_servers.errors import Reason
from toolgate_servers.retrieval.server import build
from toolgate_servers.retrieval.settings import Brave, Credential, Embeddings, Fetch, RetrievalSettings, Web
from web_standins import KEY, TOKEN, Standin, standing_in


@pytest.fixture
def standin() -> Generator[Standin]:
    with standing_in() as server:
        yield server
        assert server.wrong == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "pets.md").write_text("# Pets\nA kitten needs food every day.")
    (docs / "garage.md").write_text("# Garage\nThe engine is checked every year.")
    (docs / "office.md").write_text("# Office\nEvery invoice is sent on Monday.")
    return docs


async def called(settings: RetrievalSettings, tool: str, **arguments: Any) -> CallToolResult:
    async with Client(build(settings)) as client:
        return await client.call_tool(tool, arguments)


def reason(result: CallToolResult) -> str:
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    assert "hunter2" not in result.content[0].text
    return result.content[0].text.rpartition("[")[2].rstrip("]")


async def test_searxng_is_asked_as_it_documents(folder: Path, standin: Standin) -> None:
    settings = RetrievalSettings(folder=folder, web=Web(searxng=standin.url))
    arguments = {"query": "opening hours", "period": "month", "language": "de-AT", "limit": 1}
    found = value(await called(settings, "web_search", **arguments))
    assert found["engine"] == "searxng"
    assert found["results"] == [
        {
            "title": "Town library",
            "url": "https://library.example/",
            "snippet": "Open daily",
            "published": "2026-01-02T00:00:00",
        }
    ]
    assert reason(await called(settings, "web_search", query="forbidden")) == Reason.ACCESS_DENIED


async def test_brave_is_asked_as_it_documents(
    folder: Path, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAVE", KEY)
    settings = RetrievalSettings(folder=folder, web=Web(brave=Brave(key="env:BRAVE", url=standin.url)))
    found = value(await called(settings, "web_search", query="hours", period="day", language="en", limit=20))
    assert found["results"] == [
        {
            "title": "Town & library",
            "url": "https://library.example/",
            "snippet": "Open",
            "published": "2026-01-02",
        }
    ]
    assert reason(await called(settings, "web_search", query="too often")) == Reason.RATE_LIMITED
    monkeypatch.setenv("BRAVE", "hunter2")
    assert reason(await called(settings, "web_search", query="hours")) == Reason.ACCESS_DENIED


async def test_without_a_search_engine_the_documents_are_searched(folder: Path) -> None:
    found = value(await called(RetrievalSettings(folder=folder), "web_search", query="kitten"))
    assert (found["engine"], found["results"][0]["url"]) == ("documents", "file:///docs/pets.md")


async def test_a_search_engine_that_is_gone_is_unreachable(folder: Path) -> None:
    settings = RetrievalSettings(folder=folder, web=Web(searxng="http://127.0.0.1:1"))
    assert reason(await called(settings, "web_search", query="hours")) == Reason.UNREACHABLE


@pytest.fixture
def with_meaning(folder: Path, standin: Standin, monkeypatch: pytest.MonkeyPatch) -> RetrievalSettings:
    monkeypatch.setenv("MODEL_KEY", "key-of-the-model")
    embeddings = Embeddings(url=f"{standin.url}/v1", model="tiny", key="env:MODEL_KEY")
    return RetrievalSettings(folder=folder, index=folder.parent / "index.db", embeddings=embeddings)


@pytest.mark.parametrize("numpy", [True, False])
async def test_a_search_finds_what_is_meant_as_well_as_what_is_said(
    with_meaning: RetrievalSettings, numpy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not numpy:
        monkeypatch.setattr("toolgate_servers.retrieval.meaning._numpy", lambda: None)
    found = value(await called(with_meaning, "search_knowledge", query="feline purr"))
    assert (found["matched"], found["ranking"]) == ("meaning only", "words and meaning")
    assert found["results"][0]["path"] == "pets.md"
    both = value(await called(with_meaning, "search_knowledge", query="invoice"))
    assert (both["matched"], both["results"][0]["path"]) == ("every word", "office.md")


async def test_vectors_are_asked_for_once(
    with_meaning: RetrievalSettings, folder: Path, standin: Standin
) -> None:
    texts = standin.embedded
    await called(with_meaning, "search_knowledge", query="feline")
    assert len(texts) == 4
    await called(with_meaning, "search_knowledge", query="feline")
    assert len(texts) == 5
    (folder / "pets.md").write_text("# Pets\nA kitten needs food twice a day.")
    await called(with_meaning, "search_knowledge", query="feline")
    assert len(texts) == 7


async def test_a_search_goes_on_with_words_when_there_are_no_vectors(
    with_meaning: RetrievalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_KEY", "hunter2")
    found = value(await called(with_meaning, "search_knowledge", query="kitten"))
    assert (found["ranking"], found["results"][0]["path"]) == ("words", "pets.md")


@pytest.fixture
def api(folder: Path, standin: Standin, monkeypatch: pytest.MonkeyPatch) -> RetrievalSettings:
    monkeypatch.setenv("API_TOKEN", f"Bearer {TOKEN}")
    port = standin.server_address[1]
    fetch = Fetch(
        private=("127.0.0.1/32",),
        ports=(port,),
        credentials=(Credential(host="127.0.0.1", value="env:API_TOKEN"),),
    )
    return RetrievalSettings(folder=folder, fetch=fetch)


async def fetched(api: RetrievalSettings, standin: Standin, path: str, **arguments: Any) -> CallToolResult:
    return await called(api, "fetch_api", url=standin.url + path, **arguments)


async def test_json_comes_as_values_and_a_pointer_chooses(api: RetrievalSettings, standin: Standin) -> None:
    whole = value(await fetched(api, standin, "/items", params={"page": "a b&c"}))
    assert (whole["status"], whole["text"], whole["value"]["page"]) == (200, None, "a b&c")
    assert value(await fetched(api, standin, "/items", pointer="/items/0/a~1b"))["value"] == 1
    for pointer in ("/items/7", "/items/00", "/nope", "items", "/items/~2"):
        assert reason(await fetched(api, standin, "/items", pointer=pointer)) == Reason.NO_SUCH_PLACE
    source = value(await fetched(api, standin, "/items", view="source"))
    assert source["text"].startswith('{"page"')


async def test_a_page_comes_as_its_readable_text(api: RetrievalSettings, standin: Standin) -> None:
    page = value(await fetched(api, standin, "/page"))
    assert page["title"] == "Opening hours"
    assert "opens at nine" in page["text"]
    assert "track" not in page["text"]
    assert "<h1>" in value(await fetched(api, standin, "/page", view="source"))["text"]


async def test_long_text_comes_in_parts_and_large_json_by_pointer(
    api: RetrievalSettings, standin: Standin
) -> None:
    part = value(await fetched(api, standin, "/echo?size=1000", offset=100, limit=500))
    assert (len(part["text"]), part["next_offset"], part["total"]) == (500, 600, 1000)
    beyond = await fetched(api, standin, "/echo?size=10", offset=11)
    assert reason(beyond) == Reason.OFFSET_BEYOND_END
    large = await fetched(api, standin, "/echo", limit=100)
    assert reason(large) == Reason.TOO_LARGE


async def test_a_token_goes_to_its_host_and_never_comes_back(
    api: RetrievalSettings, standin: Standin
) -> None:
    shown = str((await fetched(api, standin, "/echo")).structured_content)
    assert "[secret]" in shown
    assert "hunter2" not in shown
    assert "hunter2" not in str((await fetched(api, standin, "/echo", view="source")).structured_content)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/echo?location=http%3A%2F%2F169.254.169.254%2F", Reason.HOST_NOT_ALLOWED),
        ("/echo?location=%2Fecho%3Flocation%3D%2Fecho", None),
        ("/echo?gzip=1", Reason.BAD_ANSWER),
        ("/echo?size=10&type=application%2Fzip", Reason.BAD_ANSWER),
        ("/echo?size=10000001", Reason.TOO_LARGE),
    ],
)
async def test_an_answer_that_leads_astray_is_refused(
    api: RetrievalSettings, standin: Standin, path: str, expected: Reason | None
) -> None:
    result = await fetched(api, standin, path)
    assert (reason(result) if expected else None) == expected


async def test_an_error_of_the_server_is_an_answer_and_head_gives_no_text(
    api: RetrievalSettings, standin: Standin
) -> None:
    gone = value(await fetched(api, standin, "/nowhere"))
    assert (gone["status"], gone["value"]) == (404, {"error": "not found"})
    head = value(await fetched(api, standin, "/page", method="HEAD"))
    assert (head["status"], head["text"], head["content_type"]) == (200, "", "text/html")


async def test_without_permission_no_local_address_is_fetched(folder: Path, standin: Standin) -> None:
    settings = RetrievalSettings(folder=folder, fetch=Fetch(ports=(standin.server_address[1],)))
    assert reason(await called(settings, "fetch_api", url=standin.url)) == Reason.ADDRESS_FORBIDDEN
    assert standin.asked == []


@pytest.fixture
async def everything(api: RetrievalSettings, tmp_path: Path) -> AsyncGenerator[Client]:
    async with Client(build(api)) as client:
        yield client


async def test_progress_of_the_first_reading_reaches_the_client(everything: Client) -> None:
    seen: list[tuple[float, float | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total))

    await everything.call_tool("search_knowledge", {"query": "kitten"}, progress_callback=note)
    assert seen == [(3, 3)]
