"""Settings files for one test, and what is said of the mistakes in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.errors import SettingsError
from toolgate.settings import load


def write(folder: Path, text: str) -> Path:
    """A settings file of this text."""
    path = folder / "toolgate.yaml"
    path.write_text(text)
    return path


def mistakes(folder: Path, text: str) -> list[str]:
    """What is wrong with such a file, a line for each, from its line number on."""
    path = write(folder, text)
    with pytest.raises(SettingsError) as caught:
        load(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]
