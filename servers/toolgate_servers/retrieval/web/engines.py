"""Where web_search asks: SearXNG, the Brave Search API, or the documents when neither is configured."""

import html
import re
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias
from urllib.parse import quote

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import Answer, Net, bad_answer
from toolgate_servers.retrieval.library import Library
from toolgate_servers.running import Run

Period: TypeAlias = Literal["any", "day", "month", "year"]

MAX_TEXT = 500
SECONDS = 15.0
MARKUP = re.compile(r"<[^<>]{0,200}>")
BRAVE_PERIODS: dict[Period, str] = {"day": "pd", "month": "pm", "year": "py"}


@dataclass(frozen=True, slots=True)
class WebHit:
    """One result; `published` is whatever the engine says, or None."""

    title: str
    url: str
    snippet: str
    published: str | None


class Engine(Protocol):
    """Something that searches."""

    name: str

    def search(self, query: str, limit: int, period: Period, language: str, run: Run) -> list[WebHit]:
        """Give results, the best first."""
        ...


class Searxng:
    """The JSON API of SearXNG: https://docs.searxng.org/dev/search_api.html."""

    name = "searxng"

    def __init__(self, url: str, net: Net | None = None) -> None:
        self._url = f"{url.rstrip('/')}/search"
        self._net = net or Net.for_service(url)

    def search(self, query: str, limit: int, period: Period, language: str, run: Run) -> list[WebHit]:
        """Give results, the best first.

        Raises:
            Refused: UNREACHABLE, TIMED_OUT, ACCESS_DENIED, RATE_LIMITED or BAD_ANSWER.
        """
        params: dict[str, str | int] = {"q": query, "format": "json", "safesearch": 1}
        if language:
            params["language"] = language
        if period != "any":
            params["time_range"] = period
        # 403 is what SearXNG answers when `json` is not among search.formats in its settings.
        answer = _asked(self._net, self._url, params, {}, run, denied="an instance that gives no JSON")
        results = _list(answer.json(), "results")
        return [_hit(result, "content", "publishedDate") for result in results[:limit]]


class Brave:
    """The Brave Search API: https://api-dashboard.search.brave.com/app/documentation/web-search."""

    name = "brave"

    def __init__(self, url: str, key: str, net: Net | None = None) -> None:
        self._url = f"{url.rstrip('/')}/res/v1/web/search"
        self._key = key
        self._net = net or Net.for_service(url)

    def search(self, query: str, limit: int, period: Period, language: str, run: Run) -> list[WebHit]:
        """Give results, the best first.

        Raises:
            Refused: UNREACHABLE, TIMED_OUT, ACCESS_DENIED, RATE_LIMITED or BAD_ANSWER.
        """
        params: dict[str, str | int] = {"q": query, "count": limit, "safesearch": "moderate"}
        if language:
            params["search_lang"] = language
        if period != "any":
            params["freshness"] = BRAVE_PERIODS[period]
        headers = {"X-Subscription-Token": self._key, "Accept": "application/json"}
        answer = _asked(self._net, self._url, params, headers, run, denied="a key that is not accepted")
        # Without any result there is no `web` at all.
        body = answer.json()
        results = _list(body["web"], "results") if "web" in body else []
        return [_hit(result, "description", "page_age") for result in results[:limit]]


class LocalIndex:
    """The documents of the folder, in place of the web."""

    name = "documents"

    def __init__(self, library: Library) -> None:
        self._library = library

    def search(self, query: str, limit: int, period: Period, language: str, run: Run) -> list[WebHit]:
        """Give documents, the best first; period and language are the web's.

        Raises:
            Refused: NO_WORDS, TOO_COMPLEX or STORE_FAILED.
        """
        prefix = f"file:///{quote(self._library.folder.root.name)}/"
        found = self._library.search(query, limit, run)
        return [WebHit(hit.title, prefix + quote(hit.path), hit.snippet, None) for hit in found.hits]


def _asked(
    net: Net, url: str, params: dict[str, str | int], headers: dict[str, str], run: Run, *, denied: str
) -> Answer:
    answer = net.fetch("GET", url, params=params, headers=headers, redirects=0, seconds=SECONDS, run=run)
    if answer.status in (401, 403):
        raise Refused(
            Reason.ACCESS_DENIED,
            "web search",
            found=denied,
            expected="other settings; tell whoever runs this server",
        )
    if answer.status == 429:
        raise Refused(
            Reason.RATE_LIMITED,
            "web search",
            found="too many searches",
            expected="fewer; try again in a minute",
        )
    if answer.status != 200:
        raise bad_answer(f"status {answer.status} from the search engine", "200")
    return answer


def _list(body: Any, key: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = body[key]
        return [one for one in found if str(one["url"])]
    except (KeyError, TypeError):
        raise bad_answer("no list of results", "one as the API documents it") from None


def _hit(result: dict[str, Any], text: str, published: str) -> WebHit:
    said = result.get(published)
    return WebHit(
        _plain(result.get("title")),
        str(result["url"])[:2000],
        _plain(result.get(text)),
        str(said) if said else None,
    )


def _plain(text: Any) -> str:
    return " ".join(html.unescape(MARKUP.sub("", str(text or ""))).split())[:MAX_TEXT]
