"""The documentation says what the code says: reasons, commands, settings, policy keys, snippets."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel, RootModel

import toolgate
from toolgate.cli.commands import application
from toolgate.core.reasons import Reason
from toolgate.protocol.versions import SUPPORTED
from toolgate.replies import SENTENCES

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])
# A snippet below this comment is run as it stands, in an empty folder.
RUN = re.compile(r"<!-- run -->\s*```(?P<language>[a-z]+)\n(?P<code>.*?)```", re.DOTALL)
# Words of a workplace, not of the project. Written so that this file does not contain them.
FOREIGN = re.compile(
    r"/work/(?:main|shared|tools)|\.\./shared(?!/data)|team\.md|before-stop"
    r"|\bissues? #\d|\bthis session of work\b|\bas (?:an AI|requested)\b|co-authored-by",
    re.IGNORECASE,
)


def documentation() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def models() -> Iterator[type[BaseModel]]:
    """Every model of a file that people write: settings, keys, policies and their tests."""
    for info in pkgutil.walk_packages(toolgate.__path__, "toolgate."):
        if info.name.split(".")[1] in ("settings", "policy") or info.name == "toolgate.ingress.keyfile":
            module = importlib.import_module(info.name)
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == info.name:
                    yield value


def file_keys() -> list[str]:
    written = (model for model in models() if not issubclass(model, RootModel))
    found = {field.alias or name for model in written for name, field in model.model_fields.items()}
    return sorted(found)


def commands(command: Any, path: tuple[str, ...] = ("toolgate",)) -> Iterator[tuple[str, ...]]:
    """The words of every command that does something, from a Click command or group."""
    children: dict[str, Any] | None = getattr(command, "commands", None)
    if children is None:
        yield path
        return
    for name, child in children.items():
        if not child.hidden:
            yield from commands(child, (*path, name))


def test_every_reason_has_a_row_with_its_sentence() -> None:
    page = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8")
    rows = {
        m[1]: (m[2], m[3]) for m in re.finditer(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    }
    assert set(rows) == {reason.value for reason in Reason}
    for reason in Reason:
        said, remedy = rows[reason.value]
        assert said == SENTENCES[reason]
        assert remedy.strip()


def test_the_documentation_names_every_version_that_is_spoken() -> None:
    for page in ("docs/reasons.md", "CHANGELOG.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert not [version for version in SUPPORTED if version not in text]


def known_commands() -> list[str]:
    """Every command in full; `wrap` is read before the others are loaded."""
    return ["toolgate wrap", *(" ".join(words) for words in commands(typer.main.get_command(application())))]


def test_every_command_is_documented() -> None:
    text = re.sub(r"\s+", " ", documentation())
    assert not [command for command in known_commands() if command not in text]


def test_every_command_that_the_documentation_names_is_there() -> None:
    groups = {command.rpartition(" ")[0] for command in known_commands()}
    known = {*known_commands(), *groups}
    named = set(
        re.findall(r"(?:^|`|\$ )(toolgate [a-z-]+(?: [a-z]+(?=[ `\n]))?)", documentation(), re.MULTILINE)
    )
    assert not [name for name in named if name not in known and name.rpartition(" ")[0] not in known - groups]


def test_every_key_of_a_file_that_people_write_is_documented() -> None:
    text = documentation()
    assert file_keys()
    missing = [key for key in file_keys() if not re.search(rf"`{key}\b|\b{key}:", text)]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: nothing at {target}"


def snippets() -> list[tuple[str, str, str]]:
    """Where each runnable snippet stands, its language and its code."""
    found: list[tuple[str, str, str]] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for snippet in RUN.finditer(text):
            line = text.count("\n", 0, snippet.start()) + 1
            found.append(
                (f"{page.relative_to(ROOT).as_posix()}:{line}", snippet["language"], snippet["code"])
            )
    return found


@pytest.mark.parametrize(("where", "language", "code"), snippets(), ids=lambda value: value[:40])
def test_a_snippet_marked_as_runnable_runs(where: str, language: str, code: str, tmp_path: Path) -> None:
    programs = Path(sys.executable).parent
    command = {"python": [sys.executable, "-c", code], "sh": ["sh", "-euc", code]}[language]
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "TOOLGATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, f"{where}: {done.stderr[-500:]}"


def test_the_readme_shows_something_that_runs() -> None:
    assert [where for where, _, _ in snippets() if where.startswith("README.md")]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_the_tree_speaks_of_the_project_only() -> None:
    for path in tracked():
        if path.suffix in {".lock", ".bin", ".gz", ".png"} or path == Path(__file__).resolve():
            continue
        if path.is_file():
            found = FOREIGN.search(path.read_text(encoding="utf-8", errors="replace"))
            assert not found, f"{path.relative_to(ROOT)}: {found[0]}"


def test_the_version_is_the_newest_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## ([0-9]+\.[0-9]+\.[0-9]+)", changelog, re.MULTILINE)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert newest
    assert f'version = "{newest[1]}"' in project
