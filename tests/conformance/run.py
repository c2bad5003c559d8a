"""Runs the public MCP conformance suite against a server directly and through toolgate, and compares.

A check that passes directly and not through toolgate is a loss, and so is every new failure or warning.
The exit status is 1 if there is a loss, 2 if something could not be run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from cells import CELLS, HERE, LEGACY, MATRIX, MODERN, ROOT, TOOLGATE, Cell, proxied, reference
from node_packages import PackagesMissing
from outcomes import Baseline, Judged, Loss, Run, faults, judge, losses, passed, total
from programs import NotReady
from suite import SuiteBroken, run_suite

_BASELINE = HERE / "era_matrix_baseline.yml"
_REASON_LENGTH = 300

# What the fixture server passes on its own. Fewer would make every comparison easier, so it is a fault.
_EXPECTED = {(LEGACY, True): 84, (LEGACY, False): 81, (MODERN, True): 152, (MODERN, False): 152}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result: a cell, its counts with and without the proxy, and what is wrong."""

    cell: str
    direct: Run
    through: Run | None
    lost: tuple[Loss, ...]
    judged: Judged

    @property
    def good(self) -> bool:
        """Whether nothing was lost that the baseline does not explain."""
        return self.judged.good


class Runner:
    """Runs cells one after another and keeps the reference runs."""

    def __init__(self, output: Path, scenario: str | None, proxy: str) -> None:
        self._output = output
        self._scenario = scenario
        self._proxy = proxy
        self._references: dict[tuple[str, bool], Run] = {}

    def direct(self, version: str, *, resumable: bool) -> Run:
        """The suite against the fixture server itself, once for each version and kind of stream."""
        key = (version, resumable)
        if key not in self._references:
            folder = self._output / f"direct-{version}{'' if resumable else '-plain'}"
            with reference(folder, resumable=resumable) as url:
                self._references[key] = run_suite(url, version, folder, self._scenario)
        return self._references[key]

    def through(self, cell: Cell) -> Run:
        """The suite against the fixture server behind the proxy."""
        folder = self._output / cell.name
        folder.mkdir(parents=True)
        with proxied(cell, folder, self._proxy) as url:
            return run_suite(url, cell.version, folder, self._scenario)

    def direct_row(self, version: str, *, resumable: bool) -> Row:
        """The reference on its own: every failure, warning or missing check counts."""
        run = self.direct(version, resumable=resumable)
        found = [] if not resumable else faults(run)
        expected = _EXPECTED[version, resumable]
        if self._scenario is None and passed(run) < expected:
            found.append(Loss("*", "*", f"{passed(run)} checks passed, expected {expected}"))
        name = f"direct-{version}{'' if resumable else '-plain'}"
        return Row(name, run, None, tuple(found), judge(found, {}))

    def row(self, cell: Cell, baseline: Baseline) -> Row:
        """One cell held against its reference and the losses that are explained."""
        direct = self.direct(cell.version, resumable=cell.resumable)
        if self._scenario is not None and self._scenario not in direct:
            return Row(cell.name, direct, None, (), judge((), {}))
        through = self.through(cell)
        found = losses(direct, through)
        known = {name: checks for name, checks in baseline.items() if self._scenario in (None, name)}
        return Row(cell.name, direct, through, tuple(found), judge(found, known))


def load_baseline(path: Path) -> dict[str, Baseline]:
    """The explained losses by cell; every explanation must be a sentence."""
    cells: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(path.read_text()) or {}
    known = {cell.name for cell in MATRIX}
    for name, scenarios in cells.items():
        if name not in known:
            raise SystemExit(f"{path}: unknown cell {name}, expected one of {', '.join(sorted(known))}")
        for scenario, checks in (scenarios or {}).items():
            for check, sentence in checks.items():
                if not str(sentence).strip().endswith("."):
                    raise SystemExit(
                        f"{path} {name}.{scenario}.{check}: expected a sentence that explains the loss"
                    )
    return {name: scenarios or {} for name, scenarios in cells.items()}


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table and, below it, every loss with its reason."""
    table = Table("cell", "direct", "through", "lost", "explained", "verdict")
    for row in rows:
        through = "-" if row.through is None else f"{passed(row.through)}/{total(row.through)}"
        explained = len(row.lost) - len(row.judged.unexplained)
        verdict = "ok" if row.good else "LOST"
        direct = f"{passed(row.direct)}/{total(row.direct)}"
        table.add_row(row.cell, direct, through, str(len(row.lost)), str(explained), verdict)
    console.print(table)
    for row in rows:
        for loss in row.judged.unexplained:
            _line(console, f"{row.cell} {loss.scenario} {loss.check}: {_shortened(loss.reason)}")
        for scenario, check in row.judged.stale:
            _line(
                console, f"{row.cell} {scenario} {check}: explained in {_BASELINE.name}, but no longer lost"
            )


def _shortened(reason: str) -> str:
    """The start of a reason; the whole of it is in the JSON."""
    return reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]} ..."


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def save(rows: Sequence[Row], path: Path) -> None:
    """Write what was found as JSON, the checks included."""
    document = [
        {
            "cell": row.cell,
            "good": row.good,
            "direct": {"passed": passed(row.direct), "total": total(row.direct)},
            "through": row.through and {"passed": passed(row.through), "total": total(row.through)},
            "lost": [asdict(loss) for loss in row.lost],
            "stale": row.judged.stale,
            "checks": {
                name: [asdict(check) for check in checks] for name, checks in (row.through or {}).items()
            },
        }
        for row in rows
    ]
    path.write_text(json.dumps(document, indent=1) + "\n")


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("--only", choices=["direct"], help="run the fixture server without the proxy")
    parser.add_argument("--cell", action="append", metavar="NAME", help="run one cell, may be repeated")
    parser.add_argument("--scenario", help="run one scenario")
    parser.add_argument("--era-matrix", action="store_true", help="upstreams of one era, clients of either")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "build" / "conformance", help="folder of the results"
    )
    parser.add_argument("--proxy", default=TOOLGATE, help="the proxy's command, {settings} is its file")
    return parser.parse_args(argv)


def _chosen(options: argparse.Namespace) -> list[Cell]:
    offered = {cell.name: cell for cell in (MATRIX if options.era_matrix else CELLS)}
    unknown = [name for name in options.cell or () if name not in offered]
    if unknown:
        raise SystemExit(f"--cell {unknown[0]}: no such cell, expected one of {', '.join(offered)}")
    return [offered[name] for name in options.cell or offered]


def _plan(options: argparse.Namespace, runner: Runner) -> list[Callable[[], Row]]:
    """The rows to work out, in order: the references that the chosen cells need, then the cells."""
    cells = _chosen(options)
    baseline = load_baseline(_BASELINE) if options.era_matrix else {}
    wanted = dict.fromkeys((cell.version, cell.resumable) for cell in cells)
    plan: list[Callable[[], Row]] = [
        partial(runner.direct_row, version, resumable=resumable) for version, resumable in wanted
    ]
    if options.only is None:
        plan += [partial(runner.row, cell, baseline.get(cell.name, {})) for cell in cells]
    return plan


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for and return the exit status."""
    options = _options(argv)
    console = Console()
    shutil.rmtree(options.output, ignore_errors=True)
    options.output.mkdir(parents=True)
    rows: list[Row] = []
    broken = False
    for work in _plan(options, Runner(options.output, options.scenario, options.proxy)):
        try:
            rows.append(work())
        except (NotReady, SuiteBroken, PackagesMissing) as reason:
            _line(console, f"not run: {reason}")
            broken = True
    save(rows, options.output / "results.json")
    show(rows, console)
    if broken:
        return 2
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
