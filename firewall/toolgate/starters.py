"""What comes with toolgate for those who have nothing yet: policies, and the settings for its own servers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

from toolgate.errors import SettingsError

CALLER: Final = "assistant"
SERVERS: Final = ("compute", "retrieval", "actions")
SCHEMA: Final = "policy.schema.json"
WELCOME: Final = """# Welcome

This folder holds the documents that the retrieval server may search and read: .md, .txt, .rst, .html, .json,
.csv, .pdf and .docx files. Put yours here, or start with `toolgate up --folder FOLDER`.

Ask your assistant to search for "welcome", to work out 17 % of 2,340, or to send a mail: reading and
calculating go through at once, a mail waits until a person has approved it, and everything is on record.
"""
_SETTINGS: Final = """# Written by `toolgate up` on its first start; from here on it is yours.
listen: 127.0.0.1:8717
policies: policy.yaml
upstreams:
  compute: {{command: {compute}, share: all}}
  retrieval: {{command: {retrieval}, share: all}}
  actions: {{command: {actions}, share: all}}
identity:
  keys: keys.yaml
  # Who a client on this machine is that starts `toolgate serve --stdio`.
  local: {{caller: {caller}, roles: [{caller}]}}
"""


def starter(name: str) -> Path:
    """A shipped policy file by its name without the ending."""
    here = Path(__file__).resolve().parent
    for folder in (here / "_policies", here.parent.parent / "policies"):
        if (folder / f"{name}.yaml").exists():
            return folder / f"{name}.yaml"
    raise SettingsError(f"{name}.yaml: found no such shipped policy")


def ensure_policy(path: Path, name: str) -> bool:
    """Copy a shipped policy to `path` unless something is there; whether it was copied.

    Beside it goes the schema that its first line names, so that editors complete and check what is written.
    Safe when many processes start at once: the file appears whole or not at all.
    """
    shipped = starter(name)
    if path.exists() or not _placed(path, shipped.read_text(encoding="utf-8")):
        return False
    _placed(path.with_name(SCHEMA), shipped.with_name(SCHEMA).read_text(encoding="utf-8"))
    return True


def ensure_settings(path: Path, documents: Path, outbox: Path) -> bool:
    """Write settings for the three servers unless there are some; whether they were written."""
    if path.exists():
        return False
    own = {name: server_command(name) for name in SERVERS}
    own["retrieval"] += ["--folder", str(documents)]
    own["actions"] += ["--outbox", str(outbox)]
    spelled = {name: _json(command) for name, command in own.items()}
    return _placed(path, _SETTINGS.format(caller=CALLER, **spelled))


def ensure_documents(folder: Path) -> bool:
    """Make the folder with one document to find in it, unless it is there; whether it was made."""
    if folder.exists():
        return False
    folder.mkdir(mode=0o700, parents=True)
    return _placed(folder / "welcome.md", WELCOME)


def server_command(name: str) -> list[str]:
    """How one of the three servers is started with the Python that runs here."""
    return [sys.executable, "-m", f"toolgate_servers.{name}"]


def is_own(command: tuple[str, ...], name: str) -> bool:
    """Whether a command starts this one of the three servers, with whatever Python."""
    return command[1:3] == ("-m", f"toolgate_servers.{name}")


def ensure_python(path: Path, gone: str) -> None:
    """Put the Python that runs here into a settings file in place of one that is not there any more."""
    text = path.read_text(encoding="utf-8")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text.replace(_json(gone), _json(sys.executable)), encoding="utf-8")
    draft.replace(path)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # JSON is YAML


def _placed(path: Path, text: str) -> bool:
    """Write a new file in one step; False when another process was first."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
    except OSError as trouble:
        why = trouble.strerror or "an error"
        raise SettingsError(f"{path.parent}: found {why}, expected a folder to write to") from None
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
