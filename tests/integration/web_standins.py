"""Stand-ins of the services that retrieval asks; they refuse what their documentation does not allow."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "brave-key-hunter2"
TOKEN = "api-token-hunter2"
LANGUAGE = "en de de-AT all auto".split()

PAGE = (
    "<html><head><title>Opening hours</title></head><body><nav><a href=/>Home</a></nav><main><h1>Hours</h1>"
    + "<p>The library opens at nine on working days and stays open until six in the evening.</p>" * 5
    + "</main><script>track()</script></body></html>"
)


class Asked(BaseHTTPRequestHandler):
    """One request; what is wrong with it is noted, and answered with 400."""

    protocol_version = "HTTP/1.1"
    server: Standin  # pyright: ignore[reportIncompatibleVariableOverride]  # no other server makes these

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qsl(parts.query, keep_blank_values=True)
        self.server.asked.append(self.path)
        routes = {
            "/search": self.searxng,
            "/res/v1/web/search": self.brave,
            "/items": self.items,
            "/page": self.page,
            "/echo": self.echo,
        }
        route = routes.get(parts.path)
        if len(query) != len(dict(query)):
            self.wrong("a parameter that occurs twice")
        elif route is None:
            self.say(404, {"error": "not found"})
        else:
            route(dict(query))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        """https://platform.openai.com/docs/api-reference/embeddings/create"""
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/v1/embeddings" or set(body) - {
            "model",
            "input",
            "dimensions",
            "encoding_format",
            "user",
        }:
            self.wrong("an unknown field or path")
        elif self.headers["authorization"] != "Bearer key-of-the-model":
            self.say(401, {"error": {"message": "Incorrect API key provided"}})
        else:
            vectors = [self.server.vector(text) for text in body["input"]]
            items = [
                {"object": "embedding", "index": number, "embedding": vector}
                for number, vector in reversed(list(enumerate(vectors)))
            ]
            self.say(200, {"object": "list", "data": items, "model": body["model"]})

    def searxng(self, query: dict[str, str]) -> None:
        """https://docs.searxng.org/dev/search_api.html"""
        allowed = {"q", "categories", "engines", "language", "pageno", "time_range", "format", "safesearch"}
        if set(query) - allowed or not query.get("q"):
            self.wrong("an unknown parameter, or no q")
        elif query.get("time_range") not in (None, "day", "month", "year"):
            self.wrong("a time_range that is not documented")
        elif (
            query.get("safesearch") not in (None, "0", "1", "2")
            or query.get("language", "all") not in LANGUAGE
        ):
            self.wrong("a value that is not documented")
        elif query.get("format") != "json" or query["q"] == "forbidden":
            self.say(403, {"error": "forbidden"})
        else:
            result = {
                "title": "Town library",
                "url": "https://library.example/",
                "content": "Open <b>daily</b>",
            }
            more = {
                "engine": "x",
                "score": 1.0,
                "publishedDate": "2026-01-02T00:00:00",
                "category": "general",
            }
            self.say(
                200, {"query": query["q"], "results": [result | more, result], "answers": [], "infoboxes": []}
            )

    def brave(self, query: dict[str, str]) -> None:
        """https://api-dashboard.search.brave.com/app/documentation/web-search/query"""
        allowed = {"q", "country", "search_lang", "ui_lang", "count", "offset", "safesearch", "freshness"}
        if set(query) - allowed or not 1 <= len(query.get("q", "")) <= 400:
            self.wrong("an unknown parameter, or no q")
        elif not 1 <= int(query.get("count", "20")) <= 20 or query.get("freshness", "pd") not in (
            "pd",
            "pw",
            "pm",
            "py",
        ):
            self.wrong("a value that is not documented")
        elif self.headers["x-subscription-token"] != KEY:
            self.say(401, {"type": "ErrorResponse"})
        elif query["q"] == "too often":
            self.say(429, {"type": "ErrorResponse"})
        else:
            result = {
                "title": "Town &amp; library",
                "url": "https://library.example/",
                "description": "<strong>Open</strong>",
            }
            self.say(200, {"type": "search", "web": {"results": [result | {"page_age": "2026-01-02"}]}})

    def items(self, query: dict[str, str]) -> None:
        """A small API that wants a token."""
        if self.headers["authorization"] != f"Bearer {TOKEN}":
            self.say(401, {"error": "no token"})
            return
        self.say(200, {"page": query.get("page"), "items": [{"name": "one", "a/b": 1}, {"name": "two"}]})

    def page(self, _query: dict[str, str]) -> None:
        """A page of HTML."""
        self.say(200, PAGE, "text/html; charset=utf-8")

    def echo(self, query: dict[str, str]) -> None:
        """Answers as asked: a type, a size, a redirect, a compression, or the headers that came."""
        if "location" in query:
            self.say(302, "", "text/plain", Location=query["location"])
        elif "gzip" in query:
            self.say(200, gzip.compress(b"x" * 1000), "text/plain", **{"Content-Encoding": "gzip"})
        elif "size" in query:
            self.say(200, "x" * int(query["size"]), query.get("type", "text/plain"))
        else:
            self.say(200, dict(self.headers))

    def wrong(self, what: str) -> None:
        """Note what is wrong with the request."""
        self.server.wrong.append(what)
        self.say(400, {"error": what})

    def say(self, status: int, body: object, kind: str = "application/json", **headers: str) -> None:
        """Answer."""
        content = (
            body
            if isinstance(body, bytes)
            else (body if isinstance(body, str) else json.dumps(body)).encode()
        )
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Say nothing."""


class Standin(ThreadingHTTPServer):
    """All of the services at one address: what was asked, and what was wrong with it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.asked: list[str] = []
        self.wrong: list[str] = []
        self.embedded: list[str] = []
        self.topics = ("cat kitten feline purr", "car engine wheel drive", "tax money invoice pay")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def vector(self, text: str) -> list[float]:
        """A made-up meaning: how many words of each topic a text has."""
        self.embedded.append(text)
        words = text.lower().split()
        return [float(sum(word in topic.split() for word in words)) + 0.01 for topic in self.topics]


@contextmanager
def standing_in() -> Generator[Standin]:
    """Serve until the test ends."""
    with Standin() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
