"""What a proxy with every check on has to cost: a sizing data path, not the product.

Per call: caller by bearer token, tool allowlist, token bucket, JSON Schema on the
arguments, PII and secret scan with redaction in both directions, a hash-chained
record committed before forwarding and another after, one transaction per loop turn.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import hyperscan
import jsonschema_rs
import orjson

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]
from payloads import TOOL  # noqa: E402 - the harness is a folder of scripts, not a package
from rawclient import Pool  # noqa: E402 - the same

PARTS = urlsplit(os.environ["UPSTREAM"])
START = f"POST {PARTS.path} HTTP/1.1\r\nhost: {PARTS.netloc}\r\n".encode()
DROP = {b"host", b"content-length", b"connection", b"transfer-encoding", b"accept-encoding", b"authorization"}
KEEP = {b"content-type", b"mcp-session-id"}
POOL = Pool(PARTS.hostname, PARTS.port)

VALIDATORS = {TOOL["name"]: jsonschema_rs.validator_for(TOOL["inputSchema"])}
CALLERS = {hashlib.sha256(f"token-{i}".encode()).digest(): (f"agent-{i}", "analyst") for i in range(100)}
ALLOWED = {("analyst", TOOL["name"]): "tools.read"}
BUCKETS: dict[str, list[float]] = {}

PII = {
    "EMAIL": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,24}",
    "CARD": r"\b(?:[0-9][ -]?){12,18}[0-9]\b",
    "SSN": r"\b[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}\b",
    "IPV4": r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b",
    "PHONE": r"(?:\+[0-9]{1,3}[ .-]?)?(?:\([0-9]{2,4}\)|[0-9]{2,4})[ .-][0-9]{3}[ .-]?[0-9]{3,4}",
    "IBAN": r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",
    "AWS": r"\bAKIA[0-9A-Z]{16}\b",
    "GITHUB": r"\bgh[pousr]_[A-Za-z0-9]{36}\b",
    "SLACK": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "JWT": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "PEM": r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----",
    "OPENAI": r"\bsk-[A-Za-z0-9_-]{20,}\b",
    "STRIPE": r"\b[sr]k_live_[A-Za-z0-9]{20,60}\b",
    "GOOGLE": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "CRYPTO": r"\b(?:bc1|[13])[a-km-zA-HJ-NP-Z1-9]{25,59}\b",
    "BEARER": r"(?i:bearer) [A-Za-z0-9._~+/-]{16,}",
}
NAMES = list(PII)
DB = hyperscan.Database()
DB.compile(
    expressions=[p.encode() for p in PII.values()],
    ids=list(range(len(PII))),
    flags=[hyperscan.HS_FLAG_SOM_LEFTMOST] * len(PII),
)
HITS: list[tuple[int, int, int]] = []


def luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    total = sum(d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits)))
    return total % 10 == 0


def _on_match(i, start, end, flags, ctx):
    HITS.append((start, end, i))


def find(data: bytes) -> list[tuple[int, int, str]]:
    """Non-overlapping (start, end, kind) byte spans in the UTF-8 text."""
    HITS.clear()
    DB.scan(data, match_event_handler=_on_match)
    spans: list[tuple[int, int, str]] = []
    for start, end, i in sorted(HITS, key=lambda h: (h[0], -h[1])):
        if spans and start < spans[-1][1]:
            continue
        if NAMES[i] != "CARD" or luhn(data[start:end].decode()):
            spans.append((start, end, NAMES[i]))
    return spans


def redact_text(value: str) -> tuple[str, int]:
    data = value.encode()
    spans = find(data) if len(data) >= 5 else []
    if not spans:
        return value, 0
    out, last = [], 0
    for start, end, kind in spans:
        out += [data[last:start], b"[", kind.encode(), b"]"]
        last = end
    return b"".join([*out, data[last:]]).decode(errors="replace"), len(spans)


def redact(value):
    """(value with findings replaced, count); the same object when nothing was found."""
    if isinstance(value, str):
        return redact_text(value)
    total = 0
    if isinstance(value, dict | list):
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            new, n = redact(item)
            if n:
                value[key] = new
                total += n
    return value, total


class Audit:
    """Appends records whose digest covers the one before, one transaction per loop turn."""

    def __init__(self) -> None:
        path = os.environ.get("AUDIT_DB") or str(Path(tempfile.mkdtemp()) / "audit.db")
        self.key = os.urandom(32)
        self.prev = b"\0" * 32
        self.pending: list[tuple[bytes, asyncio.Future | None]] = []
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("pragma journal_mode=wal")
        self.db.execute("pragma synchronous=NORMAL")
        self.db.execute("create table if not exists audit(n integer primary key, body blob, mac blob)")

    def put(self, body: bytes, future: asyncio.Future | None = None) -> None:
        """Keep the record for this loop turn's commit."""
        if not self.pending:
            asyncio.get_running_loop().call_soon(self._flush)
        self.pending.append((body, future))

    def commit(self, body: bytes) -> asyncio.Future:
        future = asyncio.get_running_loop().create_future()
        self.put(body, future)
        return future

    def _flush(self) -> None:
        batch, self.pending = self.pending, []
        rows = []
        for body, _ in batch:
            self.prev = hmac.digest(self.key, self.prev + body, "sha256")
            rows.append((body, self.prev))
        self.db.execute("begin immediate")
        self.db.executemany("insert into audit(body, mac) values(?,?)", rows)
        self.db.execute("commit")
        for _, future in batch:
            if future is not None and not future.done():
                future.set_result(None)


AUDIT = Audit()


def take_token(name: str) -> bool:
    now = time.monotonic()
    bucket = BUCKETS.setdefault(name, [1e9, now])
    bucket[0] = min(1e9, bucket[0] + (now - bucket[1]) * 1e6)
    bucket[1] = now
    if bucket[0] < 1:
        return False
    bucket[0] -= 1
    return True


def refusal(msg: dict, name: str, role: str) -> str:
    """Why the call is refused, empty when it is not."""
    params = msg["params"]
    if (role, params["name"]) not in ALLOWED:
        return "not allowed"
    if not take_token(name):
        return "rate limit"
    if not VALIDATORS[params["name"]].is_valid(params.get("arguments") or {}):
        return "arguments do not match the schema"
    return ""


async def admit(msg: dict, body: bytes, name: str, role: str) -> tuple[bytes, str]:
    """The bytes to forward, or why not; the record is committed first."""
    problem = refusal(msg, name, role)
    if problem:
        return body, problem
    _, found = redact(msg["params"].get("arguments"))
    if found:
        body = orjson.dumps(msg)
    record = {
        "at": time.time(),
        "caller": name,
        "role": role,
        "tool": msg["params"]["name"],
        "decision": "allow",
    }
    record |= {"args": hashlib.sha256(body).hexdigest(), "redacted": found}
    await AUDIT.commit(orjson.dumps(record))
    return body, ""


def release(msg: dict, data: bytes) -> bytes:
    reply = orjson.loads(data)
    digest = hashlib.sha256(data).hexdigest()
    _, found = redact(reply.get("result"))
    AUDIT.put(orjson.dumps({"at": time.time(), "id": msg.get("id"), "result": digest, "redacted": found}))
    return orjson.dumps(reply) if found else data


async def handle(headers: list[tuple[bytes, bytes]], body: bytes):
    token = next((v[7:] for k, v in headers if k == b"authorization"), b"token-1")
    caller = CALLERS.get(hashlib.sha256(token).digest())
    if caller is None:
        return 401, [], b""
    msg = orjson.loads(body)
    is_call = msg.get("method") == "tools/call"
    if is_call:
        body, problem = await admit(msg, body, *caller)
        if problem:
            error = {"jsonrpc": "2.0", "id": msg.get("id"), "error": {"code": -32001, "message": problem}}
            return 200, [(b"content-type", b"application/json")], orjson.dumps(error)
    head = START + b"".join(k + b": " + v + b"\r\n" for k, v in headers if k not in DROP)
    status, out, data = await POOL.request(head, body)
    if is_call and status == 200:
        data = release(msg, data)
    return status, [(k.lower(), v) for k, v in out if k.lower() in KEEP], data


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    status, out, data = await handle(scope["headers"], body)
    length = (b"content-length", b"%d" % len(data))
    await send({"type": "http.response.start", "status": status, "headers": [*out, length]})
    await send({"type": "http.response.body", "body": data})
