"""The benchmark's tool, arguments and result texts: deterministic, realistic sizes."""

from __future__ import annotations

import random

TOOL = {
    "name": "echo",
    "description": "Look up support cases and return a text summary.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "profile": {"type": "string", "enum": ["small", "medium", "large"]},
            "query": {"type": "string", "minLength": 1, "maxLength": 500},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100},
            "filters": {
                "type": "object",
                "properties": {
                    "status": {
                        "type": "array",
                        "items": {"type": "string", "enum": ["open", "closed", "waiting"]},
                    },
                    "since": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
                },
                "additionalProperties": False,
            },
        },
        "required": ["profile", "query"],
        "additionalProperties": False,
    },
}

_WORDS = (
    "the customer reported that order service returned an error after update of account settings and "
    "support asked for logs from region we restarted worker checked queue depth found no data loss "
    "ticket remains open until team confirms fix with new build scheduled for monday please review "
    "invoice amount payment status shipping address before closing case thanks"
).split()

_PII = (
    "Contact jane.doe@example.com or call +1 415 555 0132.",
    "Card 4111 1111 1111 1111 was declined.",
    "Client address 192.0.2.17, account IBAN GB82 WEST 1234 5698 7654 32.",
    "SSN 219-09-9999 is on file for Robert Miller.",
)


def text(size: int, seed: int = 7, pii_every: int = 60) -> str:
    """Natural-looking English of exactly `size` characters with PII every `pii_every` words."""
    rng = random.Random(seed)
    out: list[str] = []
    total = count = hits = 0
    while total < size:
        n = rng.randint(8, 16)
        words = [rng.choice(_WORDS) for _ in range(n)]
        sentence = " ".join(words).capitalize() + "."
        count += n
        if count // pii_every > hits:
            sentence += " " + _PII[hits % len(_PII)]
            hits += 1
        out.append(sentence)
        total += len(sentence) + 1
    return " ".join(out)[:size]


RESULTS = {"small": text(230, pii_every=20), "medium": text(2000), "large": text(64 * 1024)}


def arguments(profile: str) -> dict:
    """About 200 bytes of arguments for one call."""
    return {
        "profile": profile,
        "query": "failed payment after account update in region eu-west, order status unknown",
        "limit": 20,
        "filters": {"status": ["open", "waiting"], "since": "2026-10-01"},
    }
