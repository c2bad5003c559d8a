"""Scores the detectors: what they find of labelled texts, what they flag in harmless ones, how fast they are.

    python detection.py [--data DIR] [--json]

DIR holds gzipped or plain JSON lines named pii_presidio, secrets_gitleaks, secrets_credsweeper and
secrets_tool_output: `text` or `tool_output`, with `spans` ([start, end, type] in characters) or `label`.
Without DIR the development data beside the checkout is scored where it is there. Fixtures made by
`detection_fixtures.py` are scored always. Exit code 1 when a goal is missed, 2 for unreadable data.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from detection_fixtures import FIXTURES, known_forms
from toolgate.core.model import Finding
from toolgate.detect.engine import Engine

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
Row = dict[str, Any]
Span = tuple[int, int, str]

PATTERN = ("CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "URL", "US_SSN")
NAMES = {"DOMAIN_NAME": "URL", "EMAIL": "EMAIL_ADDRESS", "IBAN": "IBAN_CODE", "PHONE": "PHONE_NUMBER"}
PII = frozenset(PATTERN)
SECRET = frozenset({"SECRET"})
LETTERS_OF_BENIGN = 4_000_000


@dataclass(frozen=True)
class Goal:
    """One line of the table."""

    data: str
    figure: str
    value: float
    least: float | None = None
    most: float | None = None
    count: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of its goal."""
        low = self.least is None or self.value >= self.least
        return low and (self.most is None or self.value <= self.most)


def rows(folder: Path, name: str) -> list[Row]:
    """The lines of one file, gzipped or plain; none where the folder has no such file."""
    for path in (folder / f"{name}.jsonl.gz", folder / f"{name}.jsonl"):
        if path.exists():
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            lines = content.decode().split("\n")
            return [parsed(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    return []


def stop(message: str) -> NoReturn:
    """End the run for a mistake of whoever started it."""
    print(message, file=sys.stderr)
    sys.exit(2)


def parsed(path: Path, number: int, line: str) -> Row:
    """One line, or the end of the run with its place."""
    try:
        row: Row = json.loads(line)
        text_of(row)
    except (ValueError, KeyError, TypeError):
        stop(f"{path}:{number}: expected a JSON object with `text` or `tool_output`")
    return row


def text_of(row: Row) -> str:
    text: str = row["text"] if "text" in row else row["tool_output"]
    return text


def resolved(findings: Sequence[Finding]) -> list[Span]:
    """Findings without overlaps: the higher score stands, then the longer."""
    kept: list[Span] = []
    for f in sorted(findings, key=lambda f: (-f.score, f.start - f.end)):
        if all(f.end <= start or f.start >= end for start, end, _ in kept):
            kept.append((f.start, f.end, f.entity))
    return kept


def alike(one: Span, other: Span) -> bool:
    """Whether two spans share at least half of what they cover together."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return one[2] == other[2] and 2 * shared >= max(one[1], other[1]) - min(one[0], other[0])


def pii(engine: Engine, data: str, given: list[Row]) -> Iterator[Goal]:
    """Precision, recall and F1 per type and over all seven."""
    hit, found, there = Counter[str](), Counter[str](), Counter[str]()
    for row in given:
        gold = [(s, e, NAMES.get(t, t)) for s, e, t in row["spans"]]
        gold = [span for span in gold if span[2] in PII]
        ours = resolved(engine.find([text_of(row)], PII))
        found.update(span[2] for span in ours)
        there.update(span[2] for span in gold)
        hit.update(span[2] for span in gold if any(alike(span, one) for one in ours))
    precision = {t: hit[t] / found[t] if found[t] else 1.0 for t in PATTERN}
    recall = {t: hit[t] / there[t] if there[t] else 1.0 for t in PATTERN}
    f1 = 2 * hit.total() / max(1, found.total() + there.total())
    yield Goal(data, "PII micro-F1, seven types", f1, least=0.97, count=f"{there.total()} spans")
    yield Goal(data, "card recall", recall["CREDIT_CARD"], least=0.97, count=f"{there['CREDIT_CARD']}")
    both = precision["PHONE_NUMBER"] + recall["PHONE_NUMBER"]
    phone = 2 * precision["PHONE_NUMBER"] * recall["PHONE_NUMBER"] / both if both else 0.0
    yield Goal(data, "phone F1", phone, least=0.90, count=f"{there['PHONE_NUMBER']}")
    yield Goal(data, "phone precision", precision["PHONE_NUMBER"], least=0.98)
    for t in PATTERN:
        if t not in ("CREDIT_CARD", "PHONE_NUMBER"):
            yield Goal(data, f"{t} precision", precision[t], count=f"{found[t]} found")
            yield Goal(data, f"{t} recall", recall[t], count=f"{there[t]}")


def samples(engine: Engine, data: str, given: list[Row]) -> Iterator[Goal]:
    """Secrets found in samples that hold one, and in look-alikes that hold none."""
    for label, figure, least, most in (
        ("secret", "token samples found", 0.98, None),
        ("clean", "look-alikes flagged", None, 0.03),
    ):
        these = [row for row in given if row["label"] == label]
        if these:
            flagged = sum(bool(engine.find([text_of(row)], SECRET)) for row in these)
            yield Goal(data, figure, flagged / len(these), least, most, f"{len(these)} texts")


def lines(engine: Engine, data: str, given: list[Row]) -> Iterator[Goal]:
    """Credentials found at their place, by how sure those are who labelled them."""
    for strong, figure, least in ((True, "strong credential lines", 0.75), (False, "other lines", None)):
        these = [row for row in given if (row.get("confidence") == "strong") is strong]
        if these:
            share = sum(touched(engine, row) for row in these) / len(these)
            yield Goal(data, figure, share, least, count=f"{len(these)} lines")


def touched(engine: Engine, row: Row) -> bool:
    """Whether a finding overlaps a labelled span."""
    found = engine.find([text_of(row)], SECRET)
    return any(f.start < end and f.end > start for f in found for start, end, _ in row["spans"])


def passwords(engine: Engine, data: str, given: list[Row]) -> Iterator[Goal]:
    """Labelled spans of simulated tool results that are found at least by half."""
    there = hit = 0
    for row in given:
        found = [(f.start, f.end, "") for f in engine.find([text_of(row)], SECRET)]
        there += len(row["spans"])
        hit += sum(any(alike((s, e, ""), one) for one in found) for s, e, _ in row["spans"])
    if there:
        yield Goal(data, "passwords in tool JSON", hit / there, least=0.95, count=f"{there} spans")


def known(engine: Engine) -> Iterator[Goal]:
    """Values that toolgate resolved, in each form they come back in."""
    for form, given in known_forms().items():
        found = 0
        for value, text, (start, end) in given:
            engine.register(value)
            found += any(f.start <= start and f.end >= end for f in engine.find([text], SECRET))
        yield Goal(
            "fixtures", f"resolved secrets, {form}", found / len(given), least=1.0, count=f"{len(given)}"
        )


def benign() -> list[str]:
    """Package descriptions and sources of the standard library, in pieces of 4 KB, the same every time."""
    library = Path(sysconfig.get_path("stdlib"))
    packages = Path(sysconfig.get_path("purelib"))
    sources = sorted(packages.glob("*.dist-info/METADATA")) + sorted(library.glob("*.py"))
    texts: list[str] = []
    size = 0
    for path in sources:
        text = path.read_text(encoding="utf-8", errors="replace")
        texts += [text[at : at + 4096] for at in range(0, len(text), 4096)]
        size += len(text)
        if size > LETTERS_OF_BENIGN:
            break
    return texts


def noise(engine: Engine, texts: Sequence[str]) -> Iterator[Goal]:
    """What is flagged per 100 KB of text in which hardly anything is there to be found."""
    per = sum(map(len, texts)) / 100_000
    spans, bare, secret = Counter[str](), 0, 0
    for text in texts:
        for start, end, entity in resolved(engine.find([text], PII)):
            spans[entity] += 1
            bare += entity == "URL" and "://" not in text[start:end]
        secret += len(engine.find([text], SECRET))
    others = sum(n for entity, n in spans.items() if entity not in ("EMAIL_ADDRESS", "URL"))
    size = f"{per / 10:.1f} MB"
    yield Goal("benign", "PII spans other than e-mail and URL per 100 KB", others / per, most=5.0, count=size)
    yield Goal("benign", "URLs without a scheme per 100 KB", bare / per, most=20.0, count=size)
    yield Goal("benign", "secrets per 100 KB", secret / per, most=1.0, count=size)


def speed(engine: Engine, texts: Sequence[str]) -> Iterator[Goal]:
    """Megabytes per second and core, and the slowest hundredth of pieces of 4 KB, everything looked for."""
    wanted = PII | SECRET
    pieces = [text for text in texts if len(text) == 4096]
    best = [float("inf")] * len(pieces)
    for _ in range(3):
        for at, piece in enumerate(pieces):
            start = time.thread_time()
            engine.find([piece], wanted)
            best[at] = min(best[at], time.thread_time() - start)
    rate = 4096 * len(pieces) / sum(best) / 1e6
    slowest = statistics.quantiles(best, n=100)[98] * 1e3
    yield Goal("benign", "MB/s per core", rate, least=1.0, count=f"{len(pieces)} pieces")
    yield Goal("benign", "p99 for 4 KB, ms", slowest, most=10.0)


SETS = {
    "pii_presidio": pii,
    "secrets_gitleaks": samples,
    "secrets_credsweeper": lines,
    "secrets_tool_output": passwords,
}


def scored(engine: Engine, data: str, given: Mapping[str, list[Row]]) -> Iterator[Goal]:
    for name, score in SETS.items():
        if given.get(name):
            yield from score(engine, data, given[name])


def table(goals: Sequence[Goal]) -> None:
    print(f"{'data':<12} {'figure':<48} {'value':>8}  {'goal':<9} {'':<6} of")
    for goal in goals:
        wanted = f">= {goal.least:g}" if goal.least is not None else ""
        wanted = f"<= {goal.most:g}" if goal.most is not None else wanted
        verdict = ("pass" if goal.met else "MISSED") if wanted else ""
        print(f"{goal.data:<12} {goal.figure:<48} {goal.value:>8.3f}  {wanted:<9} {verdict:<6} {goal.count}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Score the detectors.")
    parser.add_argument("--data", type=Path, help="a folder of labelled JSON lines")
    parser.add_argument("--json", action="store_true", help="one JSON list")
    options = parser.parse_args()
    folder: Path | None = options.data or (BESIDE if BESIDE.is_dir() else None)
    if options.data and not any(rows(options.data, name) for name in SETS):
        stop(f"{options.data}: found none of {', '.join(SETS)}.jsonl.gz")
    engine = Engine()
    goals = list(scored(engine, "fixtures", FIXTURES()))
    goals += known(Engine())
    if folder:
        goals += scored(engine, folder.name, {name: rows(folder, name) for name in SETS})
    texts = benign()
    goals += [*noise(engine, texts), *speed(engine, texts)]
    if options.json:
        print(json.dumps([{**asdict(goal), "met": goal.met} for goal in goals]))
    else:
        table(goals)
    return 0 if all(goal.met for goal in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
