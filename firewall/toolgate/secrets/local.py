"""Secrets of this machine: environment variables and files."""

from __future__ import annotations

import os
from pathlib import Path

from toolgate.errors import SecretUnavailable
from toolgate.secrets.references import Content, Variable, parts

MAX_BYTES = 1 << 16


def value(reference: Variable | Content, base: Path) -> str:
    """The value now; relative paths start at `base`. Raises SecretUnavailable, which never shows it."""
    return _variable(reference.name) if isinstance(reference, Variable) else _content(base / reference.path)


def filled(text: str, base: Path) -> tuple[str, list[str]]:
    """`text` with the values of its variables and files, and these values. Raises SecretUnavailable."""
    found: list[str] = []
    filled: list[str] = []
    for part in parts(text):
        if isinstance(part, Variable | Content):
            try:
                found.append(value(part, base))
            except SecretUnavailable as why:
                raise SecretUnavailable(f"{part}: {why}") from None
            filled.append(found[-1])
        else:
            filled.append(str(part))
    return "".join(filled), found


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise SecretUnavailable("found no value in this environment variable, expected the secret")
    return value


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as trouble:
        what = trouble.strerror or type(trouble).__name__
        raise SecretUnavailable(f"found a file that cannot be read ({what}), expected the secret") from None
    if len(content) > MAX_BYTES:
        raise SecretUnavailable("found more than 64 KiB in this file, expected one secret")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretUnavailable("found bytes that are not UTF-8 in this file, expected text") from None
    if not text:
        raise SecretUnavailable("found an empty file, expected the secret")
    return text
