"""`toolgate schema`: the JSON Schemas of the files people write, for editors."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer


class Written(StrEnum):
    """A file people write."""

    POLICY = "policy"
    TESTS = "tests"
    SETTINGS = "settings"


def command(
    of: Annotated[Written, typer.Argument(help="Which file the schema is of.")] = Written.POLICY,
    as_json: Annotated[bool, typer.Option("--json", help="On one line.")] = False,
) -> None:
    """Print the JSON Schema of a policy, of policy tests or of the settings."""
    typer.echo(json.dumps(_schema(of), indent=None if as_json else 2))


def _schema(of: Written) -> dict[str, Any]:
    match of:
        case Written.POLICY:
            from toolgate.policy.document import schema

            return schema()
        case Written.TESTS:
            from toolgate.policy.cases import schema as of_tests

            return of_tests()
        case Written.SETTINGS:
            from toolgate.settings.file import schema as of_settings

            return of_settings()
