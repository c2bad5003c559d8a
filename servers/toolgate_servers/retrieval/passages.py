"""Cutting a text into passages: what a search finds and a citation points at."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from toolgate_servers.retrieval.text import Text

LONGEST = 1500
SHORTEST = 300
BREAKS = ("\n\n", "\n", ". ", " ")


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text, in characters, with the heading above it and the page on which it begins."""

    start: int
    end: int
    heading: str
    page: int | None


def passages(text: Text) -> Iterator[Passage]:
    """Cut at headings and pages, and where a part is too long at paragraphs, lines, sentences or words."""
    for start, end in _sections(text):
        while end - start > LONGEST:
            cut = _cut(text.body, start)
            yield _passage(text, start, cut)
            start = cut
        if text.body[start:end].strip() or (start, end) == (0, 0):
            yield _passage(text, start, end)


def _sections(text: Text) -> Iterator[tuple[int, int]]:
    """Give the parts between headings and pages; short ones go with the next of their page."""
    size = len(text.body)
    pages = {offset for offset in text.pages if offset < size}
    borders = sorted({0, size, *pages, *(mark.offset for mark in text.marks if mark.offset < size)})
    if len(borders) == 1:
        yield 0, 0
    begun = 0
    for start, end in pairwise(borders):
        if start in pages or start - begun >= SHORTEST:
            if start > begun:
                yield begun, start
            begun = start
        if end == size:
            yield begun, end


def _cut(body: str, start: int) -> int:
    for mark in BREAKS:
        found = body.rfind(mark, start + LONGEST // 2, start + LONGEST)
        if found != -1:
            return found + len(mark)
    return start + LONGEST


def _passage(text: Text, start: int, end: int) -> Passage:
    return Passage(start, end, text.heading_at(start) or "", text.page_at(start))
