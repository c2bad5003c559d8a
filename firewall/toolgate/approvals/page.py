"""The page behind a link, as HTML without scripts: a card, and a form where it can be decided."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

from toolgate.approvals.card import state_text
from toolgate.approvals.telling import Shown
from toolgate.core.layout import Line, lay_out
from toolgate.core.model import ApprovalState
from toolgate.core.shown import Kind, Row, row_of

STYLE: Final = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem;margin:1.5rem 0}
dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}
.value{font-family:ui-monospace,monospace}
.mark{border-radius:.2rem;padding:0 .25rem;background:#fc06;font-size:.85em}
.mark::before{content:"\\27e6"}.mark::after{content:"\\27e7"}
.hidden{background:#08f4}.cut{background:#f004}
.row{display:block;border-left:.2rem solid #8886;padding-left:.6rem;min-height:1.5em}
form{display:grid;gap:.8rem;max-width:20rem;margin:2rem 0}
input,button{font:inherit;padding:.6rem}label{display:grid;gap:.2rem}
[role=alert]{border-left:.3rem solid #c00;padding-left:.8rem}
"""
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
}


@dataclass(frozen=True, slots=True)
class Form:
    """How the page asks: with a name and passphrase, or only for the decision, as `decider`."""

    csrf: str
    decider: str


def notice(title: str, text: str = "") -> str:
    """A page that only says something."""
    return _document(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def card_page(card: Shown, now: float, form: Form | None, error: str = "") -> str:
    """The card; with a form while it waits for a decision."""
    approval = card.approval
    tier = approval.tier.value if approval.tier else "not listed in the policy"
    waiting = approval.state is ApprovalState.PENDING and approval.expires > now
    facts = {
        "tool": _row(row_of(f"{approval.upstream}/{approval.target}")),
        "caller": _row(row_of(approval.caller)),
        "tier": escape(tier),
        "state": escape(state_text(approval, now)),
        "approval": _row(row_of(approval.id)),
    }
    said = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    alert = f'<p role="alert">{escape(error)}</p>' if error else ""
    body = f"<h1>{'A call waits for a decision' if waiting else 'A held call'}</h1>{alert}<dl>{said}</dl>"
    return _document("toolgate", body + _arguments(card) + (_form(form) if form and waiting else ""))


def _arguments(card: Shown) -> str:
    if card.arguments is None:
        return "<p>The arguments have expired, or were sealed under another master key.</p>"
    layout = lay_out(card.arguments, masked=card.hidden)
    lines = "".join(_line(line) for line in layout.lines)
    some = "<p>Some values are hidden here; the console shows them to those who may see them.</p>"
    return f"<h2>Arguments, as they will be sent</h2><dl>{lines}</dl>{some if layout.hidden else ''}"


def _line(line: Line) -> str:
    rows = [_row(row) for row in line.rows]
    value = rows[0] if len(rows) == 1 else "".join(f'<span class="row">{row}</span>' for row in rows)
    return f'<dt class="value">{_row(line.path)}</dt><dd class="value">{value}</dd>'


def _row(row: Row) -> str:
    return "".join(
        escape(one.text)
        if one.kind is Kind.SHOWN
        else f'<span class="mark {one.kind.value}">{escape(one.text)}</span>'
        for one in row
    )


def _form(form: Form) -> str:
    who = (
        f"<p>Decides as {escape(form.decider)}.</p>"
        if form.decider
        else '<label>Name <input name="name" autocomplete="username" required maxlength="200"></label>'
        '<label>Passphrase <input name="passphrase" type="password" autocomplete="current-password" required'
        ' maxlength="1000"></label>'
    )
    return (
        f'<form method="post"><input type="hidden" name="csrf" value="{escape(form.csrf)}">{who}'
        '<button name="decision" value="approve">Approve this call, once</button>'
        '<button name="decision" value="deny">Refuse it</button></form>'
    )


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/decide.css"></head>'
        f"<body><main>{body}</main></body></html>"
    )
