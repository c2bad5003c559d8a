"""Binary content of messages: opened where it is text, so that it is looked at and masked like any text."""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from toolgate.core.model import JsonObject

Path: TypeAlias = tuple[str | int, ...]

_kind: Final = cast("Callable[[object], type[object]]", type)
_TEXT: Final = re.compile(
    r"(?:text/[^;]*|application/(?:[^;]*[+])?(?:json|xml|yaml|toml|javascript|x-ndjson|sql|graphql)"
    r"|[^;]*[+](?:json|xml|yaml))\s*(?:;|\Z)",
    re.IGNORECASE,
)
# So much is read of what does not say that it is text, in base64 characters.
_SNIFFED: Final = 4096
_ODD: Final = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
# MCP names them so: a resource's `blob`, the `data` of images and sounds beside their `mimeType`.
_ELSEWHERE: Final = frozenset({"contents", "messages", "inputRequests", "inputResponses", "params", "result"})


@dataclass(frozen=True, slots=True)
class Binary:
    """What a policy lets pass of binary content: how many bytes in one piece, of which types."""

    max_bytes: int | None = None
    types: tuple[str, ...] | None = None

    def stops(self, media: str, size: int) -> str:
        """What was found and expected; empty where it may pass."""
        if self.max_bytes is not None and size > self.max_bytes:
            return f"found {size} bytes of binary content, expected at most {self.max_bytes}"
        kind = media.partition(";")[0].strip().lower()
        if self.types is None or kind in self.types or f"{kind.partition('/')[0]}/*" in self.types:
            return ""
        return f"found binary content of another type, expected {', '.join(self.types)}"


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of binary content: where it stands, its type, and its size in bytes.

    Of text `text` is what it says, and `encoding` how.
    """

    path: Path
    media: str
    size: int
    text: str | None = None
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A message with every piece that is text in place of its base64."""

    original: JsonObject
    value: JsonObject
    pieces: tuple[Piece, ...]

    def stopped(self, binary: Binary | None) -> str:
        """Why a policy does not let this pass; empty where it does."""
        if binary is None:
            return ""
        whys = (binary.stops(piece.media, piece.size) for piece in self.pieces if piece.text is None)
        return next(filter(None, whys), "")

    def closed(self, masked: JsonObject) -> JsonObject | None:
        """The masked message in base64 again; None where a mask fell into what is no text."""
        if masked is self.value:
            return self.original
        for piece in self.pieces:
            key = str(piece.path[-1])
            holder: JsonObject = _at(masked, piece.path[:-1]) or {}
            before, now = _at(self.original, piece.path), holder.get(key)
            if piece.text is None:
                if now != before:
                    return None
            elif now == piece.text:
                holder[key] = before
            elif isinstance(now, str):
                holder[key] = b64encode(now.encode(piece.encoding)).decode()
            else:
                return None
        return masked


def opened(value: JsonObject) -> Opened | None:
    """The message with its text-like pieces opened; None where it holds no binary content."""
    if not _may_hold(value):
        return None
    pieces: list[Piece] = []
    made: JsonObject = _walked(value, (), pieces)
    return Opened(value, made, tuple(pieces)) if pieces else None


def _may_hold(value: JsonObject) -> bool:
    """Cheap, and rarely wrong: a result of text blocks alone is not searched."""
    content: object = value.get("content")
    if isinstance(content, list):
        for block in cast("list[object]", content):
            if isinstance(block, dict) and cast("JsonObject", block).get("type") != "text":
                return True
    elif content is not None:
        return True
    return not _ELSEWHERE.isdisjoint(value)


def _walked(value: Any, path: Path, pieces: list[Piece]) -> Any:
    """The value with what is opened in it; the same object where nothing is."""
    if _kind(value) is list:
        items = cast("list[Any]", value)
        made = [_walked(item, (*path, at), pieces) for at, item in enumerate(items)]
        return made if any(new is not old for new, old in zip(made, items, strict=True)) else items
    if _kind(value) is not dict:
        return value
    fields = cast("JsonObject", value)
    changed: JsonObject = {}
    for key, item in fields.items():
        if isinstance(item, str):
            media = _media(fields, key)
            piece = None if media is None else _piece((*path, key), media, item)
            if piece is not None:
                pieces.append(piece)
                if piece.text is not None:
                    changed[key] = piece.text
        elif isinstance(item, (dict, list)):
            new = _walked(item, (*path, key), pieces)
            if new is not item:
                changed[key] = new
    return {**fields, **changed} if changed else fields


def _media(fields: JsonObject, key: str) -> str | None:
    """The type of what stands under a key in base64, None where that is no base64."""
    media: object = fields.get("mimeType")
    if key == "blob":
        return media if isinstance(media, str) else ""
    return media if key == "data" and isinstance(media, str) else None


def _piece(path: Path, media: str, data: str) -> Piece | None:
    """A piece; None for what is no base64: then it is looked at as it stands."""
    declared = _TEXT.match(media.strip()) is not None
    head = _decoded(data if declared else data[:_SNIFFED])
    if head is None:
        return None
    if not declared and not _reads(head, whole=len(data) <= _SNIFFED):
        return Piece(path, media, len(data) * 3 // 4)
    raw = head if len(data) <= _SNIFFED or declared else _decoded(data)
    if raw is None:
        return None
    text, encoding = _text(raw)
    return Piece(path, media, len(raw), text, encoding)


def _decoded(data: str) -> bytes | None:
    plain = "".join(data.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:
        return None


def _reads(head: bytes, *, whole: bool) -> bool:
    """Whether bytes of which nobody says what they are look like text."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    if not head or _ODD.search(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as fault:
        return not whole and fault.start > len(head) - 4
    return True


def _text(raw: bytes) -> tuple[str, str]:
    """Bytes as text, and the encoding that gives them back; what fits no other is read byte by byte."""
    marked = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(raw[:2], "utf-8")
    try:
        return raw.decode(marked), marked
    except UnicodeDecodeError:
        return raw.decode("latin-1"), "latin-1"


def _at(value: Any, path: Path) -> Any:
    """What stands at a path, None where nothing does."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
