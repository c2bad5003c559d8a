"""Builds the wheel with the data path compiled to machine code (mypyc) where TOOLGATE_COMPILE=1 asks for it.

Without it, and in an editable install, everything stays plain Python and behaves the same: the compiled
modules are the very same source files, which take about half the time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Every call passes through these. Left out is what subclasses another package's class. In these files no
# `finally` may await: mypyc (2.4) would raise the exception that once passed there again, in a later call.
COMPILED = (
    "core/actions.py core/attempts.py core/canonical.py core/case.py core/chain.py core/decide.py",
    "core/decode.py core/gcra.py core/model.py core/outgoing.py core/pattern_cost.py core/policy.py",
    "core/pseudonyms.py core/records.py core/redact.py core/release.py core/checks/*.py core/conditions/*.py",
    "aggregate.py deadline.py gateway.py judge.py relay.py routes.py detect/engine.py",
    "detect/apart.py detect/commands.py detect/figures.py detect/known.py detect/likeness.py",
    "detect/matchers.py detect/named.py",
    "detect/patterns.py detect/phones.py detect/secrets.py detect/tokens.py detect/urls.py",
    "detect/views.py ingress/guard.py ingress/http.py ingress/identity.py ingress/sessions.py",
    "ingress/stream.py protocol/messages.py stores/chaining.py stores/ledger.py stores/shelf.py",
    "stores/sqlite.py stores/transaction.py upstream/catalogue.py upstream/http.py upstream/parse.py",
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
