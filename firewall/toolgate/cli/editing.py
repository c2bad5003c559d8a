"""Approving with changes and with grants, from what was typed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from toolgate.core.decode import decode
from toolgate.core.model import Approval, JsonObject, Refuse, Tier
from toolgate.core.plain import plain
from toolgate.core.reasons import Reason
from toolgate.errors import Misuse

if TYPE_CHECKING:
    from toolgate.approvals.desk import Approver, Declined, Desk


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to approve, and how. `edit` of "-" means: in the editor."""

    approval: str
    tier: Tier | None
    edit: JsonObject | str | None
    grant: JsonObject | str | None
    uses: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """What was approved, and what was granted beside it, in words."""

    approval: Approval
    words: tuple[str, ...] = ()


def given(approval: str, tier: Tier | None, edit: str, grant: str, uses: int | None, seconds: float) -> Wish:
    """The wish that these options say. Raises Misuse."""
    edited = edit if edit == "-" else _object("--edit", edit)
    granted = grant if grant in ("same", "offered") else _object("--grant", grant)
    return Wish(approval, tier, edited, granted, uses, seconds)


async def approved(desk: Desk, approver: Approver, wish: Wish) -> Done | Declined:
    """Approve, then grant."""
    from toolgate.approvals.desk import Declined

    edited = wish.edit
    if edited == "-":
        card = await desk.reveal(approver, wish.approval)
        if isinstance(card, Declined):
            return card
        edited = _in_editor(card.arguments or {})
    pattern: JsonObject | None = None
    if wish.grant == "offered":
        seen = await desk.card(wish.approval)
        if seen is None or seen.offer is None:
            return Declined("no grant is offered for this call")
        pattern = seen.offer.pattern
    elif isinstance(wish.grant, dict):
        pattern = wish.grant
    done = await desk.approve(approver, wish.approval, wish.tier, cast("JsonObject | None", edited))
    if isinstance(done, Declined) or wish.grant is None:
        return done if isinstance(done, Declined) else Done(done)
    granted = await desk.grant(approver, wish.approval, pattern, wish.uses, wish.seconds)
    if isinstance(granted, Declined):
        return Done(done, (f"no grant: {granted.why}",))
    words = [f"granted {granted.grant.id}, calls of {plain(granted.grant.caller)} go unasked where:"]
    words += [f"  {plain(line)}" for line in granted.words]
    if granted.broad:
        words.append(f"  mind: {', '.join(map(plain, granted.broad))} may be anything")
    return Done(done, tuple(words))


def _object(option: str, text: str) -> JsonObject | None:
    """A JSON object, itself or in a file."""
    if not text:
        return None
    try:
        found = decode(Path(text[1:]).read_bytes() if text[0] == "@" else text.encode())
    except (OSError, UnicodeEncodeError):
        found = None
    if isinstance(found, Refuse) and found.reason is not Reason.MALFORMED:
        raise Misuse(f"{option}: {found.detail}")
    if not isinstance(found, dict):
        raise Misuse(f"{option}: expected one JSON object, or @FILE with one")
    return found


def _in_editor(arguments: JsonObject) -> JsonObject:
    """The arguments as the person leaves them. The file is readable by nobody else, and goes away."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    handle, name = tempfile.mkstemp(suffix=".json")  # created 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(arguments, file, indent=2, ensure_ascii=True)
        subprocess.run([*editor, name], check=True)
        return _object("--edit", f"@{name}") or {}
    except (OSError, subprocess.CalledProcessError):
        raise Misuse("--edit: the editor did not end well; EDITOR names another") from None
    finally:
        Path(name).unlink(missing_ok=True)
