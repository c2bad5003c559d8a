"""The family of web search."""

from typing import Annotated

from pydantic import Field

from toolgate_servers.retrieval.web.engines import Engine, Period
from toolgate_servers.server import Family
from toolgate_servers.strict import READS, READS_WORLD, Arguments, Outcome, Run, described, strict_tool


class WebSearch(Arguments):
    """What `web_search` takes."""

    query: Annotated[
        str, Field(min_length=1, max_length=400, description="What to look for, in plain words.")
    ]
    limit: Annotated[int, Field(ge=1, le=20, description="How many results to give at most.")] = 8
    period: Annotated[
        Period, Field(description="Only what was published in the last day, month or year.")
    ] = "any"
    language: Annotated[
        str,
        Field(
            max_length=8,
            pattern=r"^([a-z]{2,3}(-[A-Z]{2})?)?$",
            description="A language such as en or de-AT; empty for any.",
        ),
    ] = ""


class WebResult(Outcome):
    """One result."""

    title: str
    url: Annotated[str, Field(description="Where it is; file:///… when it is a document of the folder.")]
    snippet: Annotated[str, Field(description="What the engine shows of it.")]
    published: Annotated[str | None, Field(description="When, as the engine says it; null if it does not.")]


class WebResults(Outcome):
    """What `web_search` gives."""

    results: Annotated[list[WebResult], Field(description="The best match first.")]
    engine: Annotated[str, Field(description="Who searched: searxng, brave, or documents (no web at all).")]


def family(engine: Engine, about: str) -> Family:
    """Make the tool over a search engine."""

    def web_search(arguments: WebSearch, run: Run) -> WebResults:
        hits = engine.search(arguments.query, arguments.limit, arguments.period, arguments.language, run)
        results = [
            WebResult(title=hit.title, url=hit.url, snippet=hit.snippet, published=hit.published)
            for hit in hits
        ]
        return WebResults(results=results, engine=engine.name)

    tool = strict_tool(
        web_search,
        name="web_search",
        takes=WebSearch,
        gives=WebResults,
        title="Search the web",
        description=described(
            "Search the web for pages; where no search engine is configured, the documents of the folder.",
            use="something is recent, or not in the documents",
            not_for="what the documents say: search_knowledge cites them; a page you have: fetch_api",
            example={"query": "opening hours of the town library", "limit": 3},
        ),
        annotations=READS if engine.name == "documents" else READS_WORLD,
        timeout=120 if engine.name == "documents" else 30,
    )
    return Family("web", about, [tool])
