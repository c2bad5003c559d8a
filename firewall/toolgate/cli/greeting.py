"""What `toolgate up` says once it listens: addresses, how to connect, and what is still to do."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolgate.starters import CALLER

if TYPE_CHECKING:
    from toolgate.settings import Settings


@dataclass(frozen=True, slots=True)
class Ready:
    """What there is to tell. `token` is the new API key, empty when there was one already.

    `sign_in` is the link that signs the local user in at the console, once.
    """

    settings: Settings
    home: Path
    token: str
    has_approvers: bool
    approving_role: str
    warnings: tuple[str, ...]
    sign_in: str = ""


def toolgate_command() -> list[str]:
    """How this very toolgate is started from anywhere: absolute, because clients have a PATH of their own."""
    beside = Path(sys.executable).parent
    for name in ("toolgate", "toolgate.exe"):
        if (beside / name).exists():
            return [str(beside / name)]
    return [sys.executable, "-m", "toolgate"]


def typed(ready: Ready, *words: str) -> str:
    """A command as one types it here: short where `toolgate` is on the PATH, with the data folder."""
    own = toolgate_command()
    found = shutil.which("toolgate")
    if found is not None and Path(found).absolute() == Path(own[0]):
        own = ["toolgate"]
    return shlex.join([*own, *words, "--home", str(ready.home)])


def desktop_snippet(ready: Ready) -> dict[str, Any]:
    """The entry for claude_desktop_config.json: all upstreams over stdio."""
    own = toolgate_command()
    arguments = [*own[1:], "serve", "--stdio", "--settings", str(ready.settings.file)]
    return {"mcpServers": {"toolgate": {"command": own[0], "args": arguments}}}


def addresses(settings: Settings) -> dict[str, str]:
    """The endpoint of each upstream by its name; the one of all together under the empty name."""
    base = settings.public_url
    return {"": f"{base}/mcp", **{name: f"{base}/{name}/mcp" for name in settings.upstreams}}


def as_json(ready: Ready) -> str:
    """The same for programs: one line."""
    found = addresses(ready.settings)
    return json.dumps(
        {
            "url": found.pop(""),
            "upstreams": found,
            "home": str(ready.home),
            "settings": str(ready.settings.file),
            "caller": CALLER,
            "key": ready.token or None,
            "has_approvers": ready.has_approvers,
            "console": ready.settings.console.url,
            "sign_in": ready.sign_in,
            "warnings": list(ready.warnings),
            "claude_desktop": desktop_snippet(ready),
        }
    )


def as_text(ready: Ready) -> str:
    """For people."""
    return "\n".join([*_where(ready), "", *_connect(ready), "", *_approve(ready), *_warned(ready)])


def _where(ready: Ready) -> Iterable[str]:
    yield f"toolgate listens. Data folder: {ready.home}"
    yield ""
    for name, url in addresses(ready.settings).items():
        yield f"  {name or 'all together':<14} {url}"
    yield f"  {'console':<14} {ready.settings.console.url}"
    yield ""
    yield "The console in your browser, signed in by this link, once, within an hour:"
    yield f"  {ready.sign_in}"


def _connect(ready: Ready) -> Iterable[str]:
    yield "Claude Desktop, into claude_desktop_config.json (its calls show in `toolgate journal show`):"
    yield ""
    yield _indented(json.dumps(desktop_snippet(ready), indent=2))
    yield ""
    yield "Other clients, an address from above and this header:"
    yield ""
    if ready.token:
        yield f"  Authorization: Bearer {ready.token}"
        yield ""
        yield f"  The key is of the caller `{CALLER}`, and shown only now. The configuration of claude-code,"
        yield "  cursor, vscode or codex: `toolgate connect CLIENT --url URL --key KEY`."
    else:
        yield "  Authorization: Bearer KEY"
        yield ""
        yield "  The key was shown on the first start and is stored nowhere. Another one:"
        yield f"  {typed(ready, 'keys', 'add', CALLER, '--role', CALLER)}"


def _approve(ready: Ready) -> Iterable[str]:
    if ready.has_approvers:
        yield f"Held calls: {typed(ready, 'approvals', 'list')}"
        return
    yield "Calls that cannot be undone wait for a person, and nobody may approve yet. Become the one:"
    yield f"  {typed(ready, 'approvals', 'enrol', 'NAME', '--role', ready.approving_role)}"
    yield "  or follow the link above."


def _warned(ready: Ready) -> Iterable[str]:
    for warning in ready.warnings:
        yield ""
        yield f"warning: {warning}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
