"""What is written out for the compiler says the same as the source that people read."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "firewall" / "toolgate"
SOURCE = '''
from __future__ import annotations

from dataclasses import field

from toolgate.core.values import value


@value
class Full:
    """One of every kind."""

    plain: int
    given: str = "a"
    made: dict[str, int] = field(default_factory=dict[str, int])
    hidden: object = field(default=None, hash=False)

    def doubled(self) -> int:
        """Its methods stay."""
        return self.plain * 2


class Other:
    """No value: left alone."""
'''


def loaded(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


HOOK: Any = loaded("hatch_build", ROOT / "hatch_build.py")
FILES = sorted({file for pattern in " ".join(HOOK.COMPILED).split() for file in PACKAGE.glob(pattern)})
WITH_VALUES = [file for file in FILES if "\n@value\n" in file.read_text(encoding="utf-8")]


def run(source: str, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(source, name, "exec"), module.__dict__)
    return module


def test_a_value_written_out_is_made_and_compared_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    read, written = (
        run(SOURCE, "as_read", monkeypatch),
        run(HOOK.native(SOURCE), "as_written", monkeypatch),
    )
    for given in ({"plain": 1}, {"plain": 2, "given": "b", "made": {"c": 3}, "hidden": 4}):
        one, other = read.Full(**given), written.Full(**given)
        assert repr(one) == repr(other)
        assert other == written.Full(**given)
        assert other != written.Full(**{**given, "plain": 9})
        assert other.doubled() == one.doubled()
    assert written.Full(1).made is not written.Full(1).made
    assert "__init__" not in written.Other.__dict__
    with pytest.raises(TypeError):
        written.Full()


@pytest.mark.parametrize("file", WITH_VALUES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_every_value_that_is_compiled_takes_the_same_fields(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = file.read_text(encoding="utf-8")
    read, written = run(source, "as_read", monkeypatch), run(HOOK.native(source), "as_written", monkeypatch)
    made = [one for one in vars(read).values() if isinstance(one, type) and one.__module__ == "as_read"]
    values = [one.__name__ for one in made if is_dataclass(one)]
    assert values
    for name in values:
        one, other = getattr(read, name), getattr(written, name)
        assert [field.name for field in fields(one)] == [field.name for field in fields(other)]
        assert list(inspect.signature(one).parameters) == list(inspect.signature(other).parameters)
        assert one.__match_args__ == other.__match_args__


def test_there_are_values_to_compile() -> None:
    assert len(WITH_VALUES) >= 5
