"""Texts that come one after the other, as progress and log messages do: a value may be split over two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from toolgate.core.model import Finding
from toolgate.core.texts import Texts

# What is kept of earlier texts, in characters.
KEPT: Final = 256


class Stream:
    """The ends of the last message of one stream, each before the text that goes on with it in the next.

    Of a message of several texts, as structured logs are, each goes on where it stands: the n-th with the
    n-th. It keeps plain text, and belongs to one client.
    """

    def __init__(self) -> None:
        self._tails: list[str] = []

    def joined(self, leaves: Texts, first: int = 0, count: int | None = None) -> Texts:
        """The texts to look at in place of a message's: `count` of them, from `first` on, go on."""
        made = Texts(leaves)
        made.parts, made.numbers = leaves.parts, leaves.numbers
        for at, tail in zip(self._going_on(leaves, first, count), self._tails, strict=False):
            if tail and not leaves.is_key(at):
                made[at] = tail + leaves[at]
        return made

    def own(
        self, findings: Iterable[Finding], leaves: Texts, first: int = 0, count: int | None = None
    ) -> tuple[Finding, ...]:
        """What of the findings stands in this message, or ends in it; what began earlier starts at 0.

        From here on this message is the earlier one. What was found to its end is complete: nothing goes
        on with it.
        """
        going_on = self._going_on(leaves, first, count)
        tails = dict(zip(going_on, self._tails, strict=False))
        found: list[Finding] = []
        done: dict[int, int] = {}
        for one in findings:
            known = 0 if leaves.is_key(one.leaf) else len(tails.get(one.leaf, ""))
            if one.end > known:
                found.append(replace(one, start=max(0, one.start - known), end=one.end - known))
                done[one.leaf] = max(done.get(one.leaf, 0), one.end - known)
        self._tails = [
            (("" if at in done else tails.get(at, "")) + leaves[at][done.get(at, 0) :])[-KEPT:]
            for at in going_on
        ]
        return tuple(found)

    def _going_on(self, leaves: Texts, first: int, count: int | None) -> range:
        return range(first, len(leaves) if count is None else min(first + count, len(leaves)))
