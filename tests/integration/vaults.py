"""A stand-in for Vault and OpenBao: the documented HTTP API of what toolgate uses, and a clock to turn."""

from __future__ import annotations

import json
import secrets
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

Json = dict[str, Any]
Answer = tuple[int, Json | None]
DENIED: Answer = (403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
MISSING: Answer = (404, {"errors": []})


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        """Turn it on."""
        self.seconds += seconds


@dataclass
class Token:
    """A token in Vault; `ttl` 0 never ends, `last` is the end of its longest life."""

    ttl: int
    ends: float
    last: float
    renewable: bool
    policies: tuple[str, ...]


@dataclass
class Mount:
    """A KV engine and what is in it; KV 2 keeps every version, None for a deleted one."""

    version: int
    secrets: dict[str, list[Json | None]] = field(default_factory=dict[str, list[Json | None]])
    kind: str = "kv"


@dataclass
class Role:
    """An AppRole or a Kubernetes role: the credential it takes and the tokens it gives."""

    credential: tuple[str, ...]
    ttl: int = 600
    most: int = 3600
    renewable: bool = True


@dataclass
class Visit:
    """One request as it came in."""

    method: str
    path: str
    token: str
    namespace: str
    body: Json


class Vault:
    """What Vault knows, and what it was asked. `url` is where it listens."""

    def __init__(self, clock: Clock) -> None:
        self.url = ""
        self.clock = clock
        self.namespace = ""
        self.sealed = False
        self.moved = False
        self.broken = False
        self.mounts: dict[str, Mount] = {}
        self.tokens: dict[str, Token] = {}
        self.roles: dict[str, dict[str, Role]] = {"approle": {}, "kubernetes": {}}
        self.visits: list[Visit] = []
        self.gate = threading.Event()
        self.gate.set()

    def token(
        self, name: str = "", ttl: int = 0, *, renewable: bool = True, most: int = 10**9, **_: object
    ) -> str:
        """Make a token."""
        name = name or f"hvs.{secrets.token_urlsafe(18)}"
        now = self.clock()
        self.tokens[name] = Token(ttl, now + ttl if ttl else 1e18, now + most, renewable, ("default",))
        return name

    def put(self, path: str, version: int = 2, **data: object) -> None:
        """Store a secret; the first part of the path is the mount."""
        mount, _, inner = path.partition("/")
        kept = self.mounts.setdefault(mount, Mount(version))
        kept.secrets.setdefault(inner, []).append(data)

    def paths(self, part: str = "") -> list[str]:
        """What was asked so far, as `METHOD path`."""
        return [f"{visit.method} {visit.path}" for visit in self.visits if part in visit.path]

    def answer(self, visit: Visit, asked: bool) -> Answer:
        """One request."""
        self.visits.append(visit)
        self.gate.wait(10)
        if self.broken:
            return 200, None
        if self.moved:
            return 307, {}
        if visit.path == "sys/seal-status":
            return 200, {"sealed": self.sealed, "version": "1.0.0-stand-in", "initialized": True}
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if not asked:
            return 412, {"errors": ["missing 'X-Vault-Request' header"]}
        if visit.namespace.strip("/") != self.namespace:
            return DENIED
        words = visit.path.split("/")
        if words[0] == "auth" and words[-1] == "login":
            return self._login("/".join(words[1:-1]), visit.body)
        token = self.tokens.get(visit.token)
        if token is None or self.clock() >= token.ends:
            return DENIED
        if words[:2] == ["auth", "token"]:
            return self._token(words[2], visit.token, token, visit.body)
        if words[0] == "auth":
            return self._role(
                "/".join(words[1 : words.index("role")]), words[words.index("role") + 1 :], visit
            )
        if words[0] == "sys":
            return self._system(visit, words[1:])
        return self._secret(visit)

    def _login(self, mount: str, body: Json) -> Answer:
        roles = self.roles.get(mount, {})
        if "role_id" in body:
            given = (body["role_id"], body.get("secret_id") or "")
        else:
            given = (body["role"], body["jwt"])
        role = next((one for one in roles.values() if one.credential == given), None)
        if role is None:
            return 400, {"errors": ["invalid role or secret ID"]}
        name = self.token(ttl=role.ttl, most=role.most, renewable=role.renewable)
        return 200, self._auth(name)

    def _auth(self, name: str) -> Json:
        token = self.tokens[name]
        auth = {
            "client_token": name,
            "accessor": "accessor",
            "policies": list(token.policies),
            "token_type": "service",
            "lease_duration": max(0, round(token.ends - self.clock())) if token.ttl else 0,
            "renewable": token.renewable,
        }
        return {"request_id": "r", "lease_id": "", "renewable": False, "lease_duration": 0, "auth": auth}

    def _token(self, word: str, name: str, token: Token, body: Json) -> Answer:
        if word == "revoke":
            self.tokens.pop(body["token"], None)
            return 204, None
        if word == "lookup-self":
            left = max(0, round(token.ends - self.clock())) if token.ttl else 0
            about = {"ttl": left, "renewable": token.renewable, "creation_ttl": token.ttl}
            return 200, {"lease_id": "", "lease_duration": 0, "renewable": False, "data": about, "auth": None}
        if not token.renewable:
            return 400, {"errors": ["lease is not renewable"]}
        token.ends = min(self.clock() + token.ttl, token.last)
        return 200, self._auth(name)

    def _role(self, mount: str, words: list[str], visit: Visit) -> Answer:
        roles, name = self.roles[mount], words[0]
        if len(words) == 1:
            ttl = int(str(visit.body.get("token_ttl", "600")).rstrip("s"))
            roles[name] = Role((f"role-{secrets.token_hex(8)}", ""), ttl)
            return 204, None
        if words[1] == "role-id":
            return 200, _data({"role_id": roles[name].credential[0]})
        made = secrets.token_hex(16)
        roles[name].credential = (roles[name].credential[0], made)
        return 200, _data({"secret_id": made, "secret_id_accessor": "a"})

    def _system(self, visit: Visit, words: list[str]) -> Answer:
        match visit.method, words:
            case "GET", ["internal", "ui", "mounts", *path]:
                return self._mounted("/".join(path))
            case "POST", ["mounts", *path]:
                options: Json = visit.body.get("options") or {}
                version = int(options.get("version", "1"))
                self.mounts["/".join(path)] = Mount(version)
                return 204, None
            case "DELETE", ["mounts", *path]:
                self.mounts.pop("/".join(path), None)
                return 204, None
            case "POST", ["auth", *path]:
                self.roles["/".join(path)] = {}
                return 204, None
            case "DELETE", ["auth", *path]:
                self.roles.pop("/".join(path), None)
                return 204, None
            case (("PUT" | "POST" | "DELETE"), ["policies", "acl", _]):
                return 204, None
            case _:
                return MISSING

    def _owner(self, path: str) -> str | None:
        return next((name for name in self.mounts if path.startswith(f"{name}/") or path == name), None)

    def _mounted(self, path: str) -> Answer:
        name = self._owner(path)
        if name is None:
            text = "preflight capability check returned 403, please ensure client's policies grant access"
            return 403, {"errors": [f'{text} to path "{path}/"']}
        version = self.mounts[name].version
        options = {"version": "2"} if version == 2 else None
        about = {"accessor": "kv_1", "description": "", "options": options, "path": f"{name}/"}
        return 200, _data({**about, "type": self.mounts[name].kind})

    def _secret(self, visit: Visit) -> Answer:
        name = self._owner(visit.path)
        if name is None:
            return MISSING
        mount, inner = self.mounts[name], visit.path.removeprefix(f"{name}/")
        if visit.method == "DELETE":
            mount.secrets.pop(inner.removeprefix("metadata/"), None)
            return 204, None
        if mount.version == 2:
            kind, _, inner = inner.partition("/")
            if kind != "data":
                return 404, {"errors": [], "warnings": ["Invalid path for a versioned K/V secrets engine"]}
        if visit.method in ("POST", "PUT"):
            data = visit.body["data"] if mount.version == 2 else visit.body
            mount.secrets.setdefault(inner, []).append(data)
            return (200, _data({"version": len(mount.secrets[inner])})) if mount.version == 2 else (204, None)
        versions = mount.secrets.get(inner)
        if not versions:
            return MISSING
        return _version_1(versions[-1] or {}) if mount.version == 1 else _version_2(versions)


def _version_1(data: Json) -> Answer:
    return 200, _data(data) | {"lease_duration": int(data.get("ttl", 2764800))}


def _version_2(versions: list[Json | None]) -> Answer:
    gone = versions[-1] is None
    about = {
        "created_time": "2026-01-01T00:00:00Z",
        "custom_metadata": None,
        "deletion_time": "2026-01-02T00:00:00Z" if gone else "",
        "destroyed": False,
        "version": len(versions),
    }
    return (404 if gone else 200), _data({"data": versions[-1], "metadata": about})


def _data(data: Json) -> Json:
    return {
        "request_id": "8b3c",
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
    }


class Server(ThreadingHTTPServer):
    """Its threads end with it; a client that does not trust its certificate hangs up, which is no error."""

    daemon_threads = True
    vault: Vault

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing to tell."""


class Handler(BaseHTTPRequestHandler):
    """HTTP for the stand-in."""

    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body: Json = json.loads(self.rfile.read(length)) if length else {}
        token, namespace = self.headers.get("X-Vault-Token", ""), self.headers.get("X-Vault-Namespace", "")
        path = self.path.partition("?")[0].removeprefix("/v1/")
        vault = cast("Server", self.server).vault
        asked = self.headers.get("X-Vault-Request") == "true"
        status, found = vault.answer(Visit(self.command, path, token, namespace, body), asked)
        content = b"" if found is None else json.dumps(found).encode()
        try:
            self.send_response(status)
            if status == 307:
                self.send_header("Location", f"{vault.url}/v1/elsewhere")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:
            return  # who waited has left

    do_GET = _serve  # noqa: N815 - the name the base calls
    do_POST = _serve  # noqa: N815 - the name the base calls
    do_PUT = _serve  # noqa: N815 - the name the base calls
    do_DELETE = _serve  # noqa: N815 - the name the base calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        pass


@contextmanager
def standing(vault: Vault, port: int = 0, tls: tuple[Path, Path] | None = None) -> Generator[Vault]:
    """Let it listen on loopback, with a certificate and key where it speaks TLS."""
    server = Server(("127.0.0.1", port), Handler)
    server.vault = vault
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    vault.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield vault
    finally:
        vault.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
