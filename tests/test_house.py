"""The rules of the house that no linter knows: sizes, imports of the core, reasons for suppressions."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("firewall", "servers", "clients")
PYTHON = (*SOURCES, "tests", "examples", "benchmarks", "scripts")
CORE = ROOT / "firewall" / "toolgate" / "core"

# Of what is not in the standard library, the core may import only these.
CORE_PACKAGES = {"jsonschema_rs", "re2", "sqlglot", "orjson"}
# Of the standard library, nothing that reads a clock, a file, the network or chance.
IMPURE = {
    *("asyncio", "concurrent", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets"),
    *("select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading"),
    *("time", "uuid"),
}
SUPPRESSION = re.compile(
    r"#\s*(?:noqa(?::\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*)?|(?:type|pyright):\s*ignore(?:\[[^\]]*\])?"
    r"|pragma:\s*no (?:cover|branch)|nosec)(?P<rest>[^\n]*)"
)
VAGUE = {"utils", "util", "helpers", "helper", "manager", "data", "misc", "common"}


def python_files(*folders: str) -> list[Path]:
    """Every Python file of ours below the folders."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(
        path for path in found if "node_modules" not in path.parts and "__pycache__" not in path.parts
    )


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its decorators and docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function):
        doc = function.body[0]
        lines -= (doc.end_lineno or doc.lineno) - doc.lineno + 1
    return lines


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def module_of(path: Path) -> str:
    """The import name of a file below one of the source roots."""
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", python_files(*PYTHON), ids=name_of)
def test_no_file_is_over_400_lines_and_no_function_over_40(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= 400, f"{lines} lines: two ideas, name the second"
    too_long = {f"{f.name}:{f.lineno}": length(f) for f in functions(ast.parse(text)) if length(f) > 40}
    assert not too_long


@pytest.mark.parametrize("path", sorted(CORE.glob("checks/*.py")), ids=name_of)
def test_a_check_of_the_core_fits_on_a_screen(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= 75


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=name_of)
def test_the_core_imports_nothing_that_touches_the_world(path: Path) -> None:
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names:
            assert top not in IMPURE, f"{name} is not pure"
        else:
            assert top in CORE_PACKAGES or name.startswith("toolgate.core"), (
                f"{name} is not the core's to import"
            )


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=name_of)
def test_the_core_never_awaits(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor)]


def test_no_finally_awaits_in_what_is_compiled() -> None:
    hook = ast.parse((ROOT / "hatch_build.py").read_text(encoding="utf-8"))
    (listed,) = [
        node.value
        for node in hook.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "COMPILED"
    ]
    patterns = " ".join(ast.literal_eval(listed)).split()
    files = [file for pattern in patterns for file in (ROOT / "firewall" / "toolgate").glob(pattern)]
    assert len(files) >= len(patterns)
    for file in files:
        tries = [n for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(n, ast.Try)]
        for node in (inner for one in tries for last in one.finalbody for inner in ast.walk(last)):
            assert not isinstance(node, ast.Await | ast.AsyncWith | ast.AsyncFor), (
                f"{name_of(file)}:{node.lineno}"
            )


@pytest.mark.parametrize("path", python_files(*SOURCES), ids=name_of)
def test_a_package_opens_with_a_shop_window_not_with_code(path: Path) -> None:
    assert path.stem not in VAGUE, "a name that says nothing"
    if path.name != "__init__.py":
        return
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            assert all(name.startswith("__") for name in names), f"{names}: no values here"
        else:
            assert isinstance(node, ast.Import | ast.ImportFrom | ast.Expr), (
                f"line {node.lineno}: no code here"
            )


@pytest.mark.parametrize("path", python_files(*PYTHON), ids=name_of)
def test_a_suppression_says_why(path: Path) -> None:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = SUPPRESSION.search(line)
        if found and path != Path(__file__).resolve():
            reason = SUPPRESSION.sub("", found["rest"]).strip(" #-:(),")
            assert len(reason) >= 6, f"{name_of(path)}:{number}: expected the reason behind the suppression"


def test_a_skipped_or_failing_test_says_why() -> None:
    bare = re.compile(r"mark\.(?:skip|xfail)\b(?!\([^)]*reason=)|mark\.skipif\((?![^)]*reason=)", re.DOTALL)
    for path in python_files("tests"):
        if path != Path(__file__).resolve():
            found = bare.search(path.read_text(encoding="utf-8"))
            assert not found, f"{name_of(path)}: {found[0]} without a reason"


def modules_with_all() -> list[str]:
    return [
        module_of(path)
        for path in python_files(*SOURCES)
        if path.name != "__main__.py"
        and re.search(r"^__all__\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]


@pytest.mark.parametrize("name", modules_with_all())
def test_what_a_module_offers_is_there(name: str) -> None:
    module: ModuleType = importlib.import_module(name)
    offered: list[str] = list(module.__all__)
    assert len(offered) == len(set(offered))
    assert not [word for word in offered if not hasattr(module, word)]


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in python_files("tests") if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))
    assert not list((ROOT / "tests").rglob("__init__.py"))
