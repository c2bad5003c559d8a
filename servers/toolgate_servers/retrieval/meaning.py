"""Ranking by meaning: which passages' vectors point where the question's does."""

import heapq
import logging
from array import array
from collections.abc import Sequence
from typing import Any

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.backends.sqlite import Ranked, SqliteIndex
from toolgate_servers.retrieval.embeddings import AT_ONCE, Embeds
from toolgate_servers.running import Run

log = logging.getLogger(__name__)

# Cormack, Clarke and Büttcher, SIGIR 2009: reciprocal rank fusion, with the constant that they found.
FUSION = 60


class Meaning:
    """The vectors of an index, brought up to date a few at a time."""

    def __init__(self, index: SqliteIndex, embeds: Embeds) -> None:
        self._index = index
        self._embeds = embeds
        self._loaded = -1
        self._passages: list[int] = []
        self._matrix: Any = None
        self._numpy = _numpy()

    def refresh(self, run: Run | None = None, most: int | None = None) -> None:
        """Ask for the vectors that are missing, at most so many.

        Raises:
            Refused: What the endpoint raises, CANCELLED or TIMED_OUT; what was received is kept.
        """
        model = self._embeds.model
        missing = self._index.count_without_vector(model)
        wanted = missing if most is None else min(most, missing)
        done = 0
        while done < wanted and (batch := self._index.without_vector(model, AT_ONCE)):
            vectors = self._embeds.vectors([text for _, text in batch], run)
            self._index.add_vectors(
                model,
                [(passage, vector.tobytes()) for (passage, _), vector in zip(batch, vectors, strict=True)],
            )
            done += len(batch)
            if run is not None:
                run.progress(min(done, wanted), wanted, "vectors of new passages")

    def rank(self, question: str, limit: int, run: Run | None = None) -> list[Ranked]:
        """Find the passages nearest in meaning, the nearest first.

        Raises:
            Refused: What the endpoint raises.
        """
        (wanted,) = self._embeds.vectors([question], run)
        self._load()
        if not self._passages:
            return []
        scores = self._scores(wanted)
        best = heapq.nlargest(limit, range(len(self._passages)), key=scores.__getitem__)
        return [Ranked(self._passages[place], float(f"{float(scores[place]):.6g}")) for place in best]

    def _load(self) -> None:
        changes = self._index.changes
        if changes == self._loaded:
            return
        rows = self._index.vectors(self._embeds.model)
        size = len(rows[0][1]) if rows else 0
        rows = [(passage, vector) for passage, vector in rows if len(vector) == size]
        self._passages = [passage for passage, _ in rows]
        joined = b"".join(vector for _, vector in rows)
        if self._numpy is not None and rows:
            self._matrix = self._numpy.frombuffer(joined, dtype="float32").reshape(len(rows), -1)
        else:
            self._matrix = [array("f", vector) for _, vector in rows]
        self._loaded = changes

    def _scores(self, wanted: "array[float]") -> Sequence[float]:
        if self._numpy is not None:
            if self._matrix.shape[1] != len(wanted):
                raise _other_size()
            scores: Sequence[float] = self._matrix @ self._numpy.asarray(wanted, dtype="float32")
            return scores
        if len(self._matrix[0]) != len(wanted):
            raise _other_size()
        return [sum(map(float.__mul__, vector, wanted)) for vector in self._matrix]


def fused(*rankings: Sequence[Ranked]) -> list[Ranked]:
    """Merge rankings: what stands high in several of them stands highest."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for place, ranked in enumerate(ranking, 1):
            scores[ranked.passage] = scores.get(ranked.passage, 0.0) + 1 / (FUSION + place)
    merged = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [Ranked(passage, float(f"{score:.6g}")) for passage, score in merged]


def _other_size() -> Refused:
    return Refused(
        Reason.BAD_ANSWER,
        "the embeddings endpoint",
        found="a vector of another size than before",
        expected="the model that the index was made with, or a new index",
    )


def _numpy() -> Any:
    try:
        import numpy as np  # late and optional: a hundred times faster, but not needed
    except ImportError:
        return None
    return np
