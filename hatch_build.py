"""Builds the wheel with the data path compiled to machine code (mypyc) where TOOLGATE_COMPILE=1 asks for it.

Without it, and in an editable install, everything stays plain Python and behaves the same: the compiled
modules are the same source files, only that `native` writes out what the decorator `value` makes at run time.
"""

from __future__ import annotations

import ast
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Every call passes through these. Left out is what subclasses another package's class. In these files no
# `finally` may await: mypyc (2.4) would raise the exception that once passed there again, in a later call.
COMPILED = (
    "aggregate.py deadline.py gateway.py judge.py outcomes.py ports.py relay.py routes.py sending.py",
    "verdicts.py core/actions.py core/attempts.py core/binary.py core/canonical.py core/case.py",
    "core/chain.py core/checks/*.py core/conditions/*.py core/decide.py core/decode.py core/gcra.py",
    "core/model.py core/outgoing.py core/pattern_cost.py core/policy.py core/pseudonyms.py",
    "core/records.py core/redact.py core/release.py core/standing.py core/texts.py detect/apart.py",
    "detect/commands.py detect/engine.py detect/figures.py detect/known.py detect/likeness.py",
    "detect/matchers.py detect/named.py detect/patterns.py detect/phones.py detect/secrets.py",
    "detect/tokens.py detect/urls.py detect/views.py ingress/guard.py ingress/http.py",
    "ingress/identity.py ingress/sessions.py ingress/stream.py protocol/ladder.py protocol/messages.py",
    "stores/chaining.py stores/ledger.py stores/shelf.py stores/sqlite.py stores/transaction.py",
    "upstream/catalogue.py upstream/http.py upstream/link.py upstream/parse.py",
)


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling's hook: adds the compiled modules to the wheel."""

    def dependencies(self) -> list[str]:
        """What compiling needs besides a C compiler."""
        return ["mypy>=1.18", "setuptools>=80"] if _wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the wheel is editable or nobody asked."""
        if version == "editable" or not _wanted():
            return
        self._scratch = Path(tempfile.mkdtemp(prefix="toolgate-compile-"))
        self.app.display_info("compiling the data path: a minute or two")
        for library in compiled(Path(self.root) / "firewall" / "toolgate", self._scratch):
            build_data["force_include"][str(library)] = str(library.relative_to(self._scratch / "made"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        scratch = getattr(self, "_scratch", None)
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _wanted() -> bool:
    return os.environ.get("TOOLGATE_COMPILE") == "1"


def compiled(package: Path, scratch: Path) -> list[Path]:
    """The extension modules of a copy of the package, below `scratch/made`."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    shutil.copytree(package, scratch / package.name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    before = Path.cwd()
    os.chdir(scratch)
    try:
        patterns = " ".join(COMPILED).split()
        sources = [file for pattern in patterns for file in sorted(Path(package.name).glob(pattern))]
        wanted = [str(file) for file in sources if file.name != "__init__.py"]
        for file in sources:
            file.write_text(native(file.read_text(encoding="utf-8")), encoding="utf-8")
        extensions = mypycify(
            ["--ignore-missing-imports", *wanted], opt_level="2", debug_level="0", multi_file=True
        )
        command: Any = Distribution({"name": "toolgate", "ext_modules": extensions}).get_command_obj(
            "build_ext"
        )
        command.build_lib, command.build_temp = "made", "objects"
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
    return sorted((scratch / "made").rglob("*.so")) + sorted((scratch / "made").rglob("*.pyd"))


def native(source: str) -> str:
    """The source with every `@value` class made one that mypyc compiles whole, its `__init__` written out.

    mypyc takes no class whose decorator it does not know, and has a dataclass's `__init__` interpreted.
    """
    lines = source.splitlines()
    found = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and _is_value(node)]
    for node in reversed(found):
        fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
        lines[fields[-1].end_lineno or 0 : fields[-1].end_lineno or 0] = _written_out(fields)
        lines[node.decorator_list[0].lineno - 1] = "@dataclass(init=False, unsafe_hash=True)"
    if found:
        at = next(n for n, line in enumerate(lines) if line.startswith("from __future__"))
        lines.insert(at + 1, "from dataclasses import dataclass")
    return "\n".join(lines) + "\n"


def _is_value(node: ast.ClassDef) -> bool:
    return [ast.unparse(one) for one in node.decorator_list] == ["value"] and not node.bases


def _written_out(fields: list[ast.AnnAssign]) -> list[str]:
    """`__init__` of these fields."""
    taken, kept = list[str](), list[str]()
    for one in fields:
        name, kind = ast.unparse(one.target), ast.unparse(one.annotation)
        default, made = _default(one.value)
        if made:
            taken.append(f"{name}: {kind} | None = None")
            kept.append(f"        self.{name} = {made}() if {name} is None else {name}")
        else:
            taken.append(f"{name}: {kind}" + (f" = {default}" if default else ""))
            kept.append(f"        self.{name} = {name}")
    return ["", f"    def __init__(self, {', '.join(taken)}) -> None:", *kept]


def _default(given: ast.expr | None) -> tuple[str, str]:
    """The default of a field and what makes one, each empty where there is none."""
    if not isinstance(given, ast.Call) or ast.unparse(given.func) != "field":
        return ("" if given is None else ast.unparse(given)), ""
    said = {one.arg: ast.unparse(one.value) for one in given.keywords}
    return said.get("default", ""), said.get("default_factory", "")
