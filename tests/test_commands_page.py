"""docs/commands.md names every option of every command, in the part about that command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from toolgate.cli.commands import application

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")


def options() -> Iterator[tuple[str, str]]:
    """The top-level command and each of its options, or of its subcommands' options."""

    def walk(top: str, command: Any) -> Iterator[tuple[str, str]]:
        for child in getattr(command, "commands", {}).values():
            yield from walk(top, child)
        for parameter in command.params:
            for name in parameter.opts:
                if name.startswith("--") and name != "--help":
                    yield top, name

    whole: Any = typer.main.get_command(application())
    for top, command in whole.commands.items():
        yield from walk(top, command)


def part(command: str) -> str:
    """What the page says below the command's heading."""
    found = re.search(rf"^### toolgate {command}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no heading for toolgate {command}"
    return found[1]


@pytest.mark.parametrize(("command", "option"), sorted(set(options())))
def test_every_option_of_every_command_is_explained(command: str, option: str) -> None:
    assert re.search(rf"{option}\b", part(command))


def test_the_options_of_wrap_are_explained() -> None:
    from toolgate.cli.wrap import _parser  # pyright: ignore[reportPrivateUsage] - it is read before all others

    for action in _parser()._actions:
        for name in action.option_strings:
            if name.startswith("--") and name != "--help":
                assert name in part("wrap")
