"""The family of fetching: one GET, to where it may go."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from toolgate_servers.addressing import target_of
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import Answer, Net, bad_answer
from toolgate_servers.retrieval.reading.reader import Reader
from toolgate_servers.retrieval.web.pointer import inside, pointed
from toolgate_servers.server import Family
from toolgate_servers.strict import READS_WORLD, Arguments, Outcome, Run, described, strict_tool

MAX_BYTES = 10_000_000
SECONDS = 25.0
TEXTS = ("text/", "application/xml", "application/javascript", "application/yaml", "application/x-yaml")
PAGES = ("text/html", "application/xhtml+xml")
HIDDEN = "[secret]"

Parameter = Annotated[str, Field(max_length=1000)] | Annotated[int, Field(ge=-(2**53), le=2**53)]


class FetchApi(Arguments):
    """What `fetch_api` takes."""

    url: Annotated[
        str,
        Field(
            min_length=8,
            max_length=4096,
            pattern=r"^https?://",
            description="An http or https URL, without a user name.",
            json_schema_extra={"format": "uri"},
        ),
    ]
    params: Annotated[
        dict[str, Parameter],
        Field(default_factory=dict, max_length=50, description="Added to the query of the URL, escaped."),
    ]
    method: Annotated[Literal["GET", "HEAD"], Field(description="HEAD gives status and type only.")] = "GET"
    pointer: Annotated[
        str,
        Field(
            max_length=500,
            description="Of JSON, only what is at this place, such as /items/0/name (RFC 6901).",
        ),
    ] = ""
    view: Annotated[
        Literal["auto", "source"],
        Field(description="auto: JSON as values, a page of HTML as readable text. source: as it was sent."),
    ] = "auto"
    offset: Annotated[
        int, Field(ge=0, le=MAX_BYTES, description="The first character of the text to give.")
    ] = 0
    limit: Annotated[int, Field(ge=100, le=100_000, description="How many characters to give at most.")] = (
        20_000
    )


class Fetched(Outcome):
    """What `fetch_api` gives."""

    url: Annotated[str, Field(description="Where the answer came from, after redirects.")]
    status: Annotated[int, Field(description="The status of HTTP; 400 and above is an error of the server.")]
    content_type: str
    title: Annotated[str, Field(description="What a page calls itself; else empty.")]
    text: Annotated[str | None, Field(description="The text, or null when the answer is in value.")]
    value: Annotated[JsonValue, Field(description="The JSON, or what the pointer chose; else null.")]
    total: Annotated[int, Field(description="How many characters the text has.")]
    next_offset: Annotated[int | None, Field(description="Where the next part begins; null at the end.")]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Headers that go to one host each, and the secrets in them, which no answer shows."""

    headers: Mapping[str, Mapping[str, str]]

    def for_host(self, host: str) -> Mapping[str, str]:
        """The headers that a host gets."""
        return self.headers.get(host.lower(), {})

    def hidden(self, text: str) -> str:
        """The text without the secrets, which a server may repeat."""
        for headers in self.headers.values():
            for value in headers.values():
                for secret in {value, value.rpartition(" ")[2]}:
                    text = text.replace(secret, HIDDEN) if len(secret) >= 6 else text
        return text


def family(net: Net, reader: Reader, credentials: Credentials, about: str) -> Family:
    """Make the tool over a client for what may be reached."""

    def fetch_api(arguments: FetchApi, run: Run) -> Fetched:
        target = target_of(arguments.url, net.reach)
        answer = net.fetch(
            arguments.method,
            arguments.url,
            params=arguments.params,
            headers=credentials.for_host(target.host),
            max_bytes=MAX_BYTES,
            seconds=SECONDS,
            run=run,
        )
        return given(answer, arguments, reader, credentials, run)

    tool = strict_tool(
        fetch_api,
        name="fetch_api",
        takes=FetchApi,
        gives=Fetched,
        title="Fetch a URL",
        description=described(
            "Fetch one URL with GET: JSON as values, a page of HTML as readable text.",
            use="you have a URL of an API or a page and need what is there",
            not_for="finding pages: web_search does that; private addresses, which are refused",
            example={"url": "https://api.example.com/items", "params": {"page": 1}, "pointer": "/items/0"},
        ),
        annotations=READS_WORLD,
        timeout=SECONDS + 30,
    )
    return Family("fetch", about, [tool])


def given(
    answer: Answer, arguments: FetchApi, reader: Reader, credentials: Credentials, run: Run | None = None
) -> Fetched:
    """Make of an answer what the caller asked to see.

    Raises:
        Refused: BAD_ANSWER, NO_SUCH_PLACE, TOO_LARGE, OFFSET_BEYOND_END or UNREADABLE.
    """
    kind = answer.content_type
    title, text, value = "", None, None
    is_json = kind == "application/json" or kind.endswith("+json")
    if arguments.method == "HEAD":
        text = ""
    elif arguments.view == "auto" and is_json:
        value = _chosen(json.loads(credentials.hidden(json.dumps(answer.json()))), arguments)
    elif arguments.view == "auto" and kind in PAGES:
        page = reader.page(answer.text(), run)
        title, text = page.title, page.body
    elif is_json or kind.startswith(TEXTS) or not answer.body:
        text = answer.text()
    else:
        raise bad_answer("content that is no text", "JSON, HTML or text; ask for another format of it")
    part, next_offset = _part(credentials.hidden(text or ""), arguments)
    return Fetched(
        url=credentials.hidden(answer.url),
        status=answer.status,
        content_type=kind[:200],
        title=credentials.hidden(title),
        text=None if text is None else part,
        value=value,
        total=len(text or ""),
        next_offset=next_offset,
    )


def _chosen(document: Any, arguments: FetchApi) -> Any:
    chosen = pointed(document, arguments.pointer)
    size = len(json.dumps(chosen))
    if size > arguments.limit:
        raise Refused(
            Reason.TOO_LARGE,
            "the JSON",
            found=f"{size} characters",
            expected=f"at most {arguments.limit}: a pointer with, as its next step, {inside(chosen)}",
        )
    return chosen


def _part(text: str, arguments: FetchApi) -> tuple[str, int | None]:
    if arguments.offset > len(text):
        raise Refused(
            Reason.OFFSET_BEYOND_END,
            "offset",
            found="a position beyond the end",
            expected=f"at most {len(text)}",
        )
    end = arguments.offset + arguments.limit
    return text[arguments.offset : end], end if end < len(text) else None
