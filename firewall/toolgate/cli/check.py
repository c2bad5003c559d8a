"""`toolgate check`: every mistake in a policy or in settings, and what is odd about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.policy.lint import Known


def command(
    policy: Annotated[
        Path | None,
        typer.Argument(help="A policy file, or a folder of them that is one policy. Default: the settings'."),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="A settings file: it is checked too, and every secret in it is tried.")
    ] = None,
    tools: Annotated[
        Path | None, typer.Option(help="A file that lists the tools of each upstream: {upstream: [tool]}.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count warnings as mistakes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check a policy, settings or both. Exit code 0: fine, 1: mistakes, 2: no such file."""
    from toolgate.errors import Misuse

    mistakes, odd = list[str](), list[str]()
    entities: Mapping[str, float] | None = None
    upstreams: frozenset[str] | None = None
    if settings is not None:
        policy, entities, upstreams = _check_settings(settings, policy, mistakes, odd)
    elif policy is None:
        raise Misuse("check: found neither a policy nor --settings, expected one of them")
    digest = ""
    if policy is not None:
        digest = _check_policy(policy, _known(tools, upstreams), mistakes, odd, entities)
    _tell(policy or settings, digest, mistakes, odd, as_json=as_json)
    raise typer.Exit(1 if mistakes or (strict and odd) else 0)


def _check_settings(
    settings: Path, policy: Path | None, mistakes: list[str], odd: list[str]
) -> tuple[Path | None, Mapping[str, float], frozenset[str] | None]:
    """Add what is wrong or odd; the policy to check, what its detectors find, each up to which score, and
    the names of the upstreams.

    The policy and the names are None where the settings do not get that far.
    """
    from toolgate.cli.checking import checked
    from toolgate.errors import SettingsError

    if not settings.exists():
        raise SettingsError(f"{settings}: found no such file, expected settings")
    found = checked(settings)
    mistakes += found.mistakes
    odd += found.odd
    if found.settings is None:
        return policy, found.entities, None
    return policy or found.settings.policies, found.entities, frozenset(found.settings.upstreams)


def _check_policy(
    policy: Path, known: Known, mistakes: list[str], odd: list[str], entities: Mapping[str, float] | None
) -> str:
    """Add what is wrong or odd; the digest of a policy that compiles."""
    from toolgate.detect.engine import Engine
    from toolgate.errors import PolicyError
    from toolgate.policy.compile import compiled
    from toolgate.policy.lint import warnings
    from toolgate.policy.load import is_test, load

    if not policy.exists():
        raise PolicyError(f"{policy}: found no such file or folder, expected a policy")
    if policy.is_file() and is_test(policy):
        raise PolicyError(
            f"{policy}: found tests of a policy, expected a policy; tests run with `toolgate test`"
        )
    try:
        source = load(policy)
        # Without its rule file a policy would be told of mistakes it does not make.
        ready = compiled(source, Engine().highest if entities is None else entities or None)
    except PolicyError as error:
        mistakes += str(error).splitlines()
        return ""
    odd += warnings(source, ready, known)
    return ready.digest


def _known(tools: Path | None, upstreams: frozenset[str] | None) -> Known:
    from toolgate.policy.lint import Known, known_tools

    return Known(None if tools is None else known_tools(tools), upstreams=upstreams)


def _tell(policy: Path | None, digest: str, mistakes: list[str], odd: list[str], *, as_json: bool) -> None:
    if as_json:
        import json

        found = {"policy": str(policy), "digest": digest, "mistakes": mistakes, "warnings": odd}
        typer.echo(json.dumps(found))
        return
    for line in mistakes:
        typer.echo(line)
    for line in odd:
        typer.echo(f"warning: {line}")
    if not mistakes:
        typer.echo(f"{policy}: fine, digest {digest[:12]}")
