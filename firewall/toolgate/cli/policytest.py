"""`toolgate test`: the policy tests beside policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer


def command(
    paths: Annotated[list[Path], typer.Argument(help="Policies, their _test.yaml files, or folders.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Run policy tests. Exit code 0: all met, 1: one is not, or a file is wrong, 2: nothing to run."""
    from toolgate.errors import PolicyError

    files = [file for path in paths for file in _tests(path)]
    if not files:
        raise PolicyError(f"{paths[0]}: found no policy test, expected a file ending in _test.yaml")
    results = [(file, *_run(file)) for file in dict.fromkeys(files)]
    failed = any(failures for _, _, failures in results)
    if as_json:
        told = [{"file": str(file), "calls": count, "failures": lines} for file, count, lines in results]
        typer.echo(json.dumps({"passed": not failed, "files": told}))
    else:
        for file, count, failures in results:
            for line in failures:
                typer.echo(line)
            typer.echo(f"{file}: {count} calls, {len(failures)} not as expected")
    raise typer.Exit(1 if failed else 0)


def _tests(path: Path) -> Iterator[Path]:
    """The files of tests that a path stands for."""
    from toolgate.policy.load import is_test, tests

    if not path.is_dir() and is_test(path):
        yield path
    else:
        yield from tests(path)


def _run(path: Path) -> tuple[int, list[str]]:
    """How many calls were judged, and one line for each that was not judged as expected."""
    from toolgate.errors import PolicyError
    from toolgate.policy.cases import load_tests, policy_of, run
    from toolgate.policy.compile import open_policy

    try:
        document = load_tests(path)
        report = run(document, open_policy(policy_of(document)))
    except PolicyError as error:
        return 0, str(error).splitlines()
    return report.count, list(report.failures)
