"""Presidio's pattern recognisers behind the same port: slower by two orders, the reference for ours."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

from toolgate.core.model import Finding

# Presidio finds a phone with 0.4 and a social security number with 0.5: one threshold for all cannot work.
THRESHOLDS: Final = {
    "CREDIT_CARD": 0.5,
    "EMAIL_ADDRESS": 0.5,
    "IBAN_CODE": 0.5,
    "IP_ADDRESS": 0.5,
    "PHONE_NUMBER": 0.4,
    "US_SSN": 0.5,
}


class Presidio:
    """The recognisers for these entities, without a language model. Importing them takes seconds."""

    def __init__(self) -> None:
        known: Any = import_module("presidio_analyzer.predefined_recognizers")
        self._recognisers: dict[str, Any] = {
            "CREDIT_CARD": known.CreditCardRecognizer(),
            "EMAIL_ADDRESS": _mailboxes(known.EmailRecognizer),
            "IBAN_CODE": known.IbanRecognizer(),
            "IP_ADDRESS": known.IpRecognizer(),
            "PHONE_NUMBER": known.PhoneRecognizer(),
            "US_SSN": known.UsSsnRecognizer(),
        }

    def recognisers(self) -> Iterator[Any]:
        """The recognisers themselves, for an analyser of Presidio's own."""
        yield from self._recognisers.values()

    async def scan(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]:
        """What Presidio finds in each text, in a thread: it takes milliseconds per kilobyte."""
        return await to_thread(self.find, texts, entities)

    def find(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]:
        """The same, at once."""
        return tuple(
            finding
            for leaf, text in enumerate(texts)
            for entity in sorted(entities & self._recognisers.keys())
            for finding in self._one(leaf, text, entity)
        )

    def _one(self, leaf: int, text: str, entity: str) -> Iterator[Finding]:
        for result in self._recognisers[entity].analyze(text, [entity], None):
            if result.score >= THRESHOLDS[entity]:
                yield Finding(entity, leaf, result.start, result.end, result.score, "presidio")


def _mailboxes(recognizer: Any) -> Any:
    """The recogniser for mailboxes with the suffix list it ships: by itself it fetches one."""
    extract: Any = import_module("tldextract").TLDExtract(suffix_list_urls=(), cache_dir=None)

    def validate_result(pattern_text: str) -> bool:
        return bool(extract(pattern_text).fqdn)

    mailboxes = recognizer()
    mailboxes.validate_result = validate_result
    return mailboxes
