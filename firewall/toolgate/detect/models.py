"""What only a model finds, such as names: any spaCy or transformers model, in processes of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias

from toolgate.core.model import Finding
from toolgate.errors import Misuse, PortDown

# spaCy does not say how sure it is; Presidio counts its entities so.
SCORE: Final = 0.85
TRANSFORMERS: Final = "transformers:"
_START: Final = 120.0
# Text number, start, end, label, score.
_Hit: TypeAlias = tuple[int, int, int, str, float]


class ModelStage:
    """A model behind the port `Detectors`, slower than the patterns by three orders.

    `name` is a spaCy package or folder, or `transformers:` and a folder. `entities` says what each label of
    the model is called here; other labels are left out. A message of more than `max_chars` is refused.
    """

    def __init__(
        self, name: str, entities: Mapping[str, str], max_chars: int, workers: int = 1, seconds: float = 10.0
    ) -> None:
        self._name = name
        self._labels = dict(entities)
        self._max_chars = max_chars
        self._workers = workers
        self._seconds = seconds
        self._pool: ProcessPoolExecutor | None = None
        self.entities = frozenset(self._labels.values())
        # What a label of a transformer is worth it says itself, up to 1.
        self.highest = dict.fromkeys(self.entities, 1.0 if name.startswith(TRANSFORMERS) else SCORE)

    async def start(self) -> None:
        """Start the processes, load the model. Raises Misuse where the model or a label is missing."""
        _installed(self._name)
        self._pool = self._started()
        try:
            known = await self._run(_labels, seconds=_START)
        except PortDown as fault:
            await self.close()
            raise Misuse(f"model {self._name}: found one that does not load: {fault}") from None
        unknown = sorted(self._labels.keys() - set(known)) if known else []
        if unknown:
            await self.close()
            raise Misuse(
                f"model {self._name}: found no {', '.join(unknown)}, expected {', '.join(sorted(known))}"
            )

    async def close(self) -> None:
        """End the processes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)

    async def scan(self, texts: Sequence[str], entities: frozenset[str] | None = None) -> tuple[Finding, ...]:
        """What the model finds of these entities, all by default.

        Raises PortDown for a message that is too long or takes too long, and where a process died.
        """
        size = sum(map(len, texts))
        if size > self._max_chars:
            raise PortDown(f"model {self._name}: found {size} characters, expected at most {self._max_chars}")
        wanted = self.entities if entities is None else self.entities & entities
        labels = {label for label, entity in self._labels.items() if entity in wanted}
        if not size or not labels:
            return ()
        hits = await self._run(_found, tuple(texts), labels, seconds=self._seconds)
        return tuple(
            Finding(self._labels[label], leaf, start, end, score, self._name)
            for leaf, start, end, label, score in hits
        )

    def _started(self) -> ProcessPoolExecutor:
        # `spawn`: a fork of a process with threads and an event loop would inherit their locks.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._workers, context, initializer=_load, initargs=(self._name,))

    async def _run(self, work: Any, *given: object, seconds: float) -> Any:
        if self._pool is None:
            raise PortDown(f"model {self._name}: not started")
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(loop.run_in_executor(self._pool, work, *given), seconds)
        except BrokenProcessPool:
            self._pool = self._started()
            raise PortDown(f"model {self._name}: its process ended") from None
        except TimeoutError:
            raise PortDown(f"model {self._name}: no answer within {seconds:g} seconds") from None


def _installed(name: str) -> None:
    """Raises Misuse where there is no such model, without loading it. Nothing is ever fetched."""
    if name.startswith(TRANSFORMERS):
        if find_spec("transformers") is None:
            raise Misuse(f"model {name}: expected the package transformers to be installed")
        if not Path(name.removeprefix(TRANSFORMERS), "config.json").is_file():
            raise Misuse(f"model {name}: found no config.json there, expected a folder with a model")
        return
    if find_spec("spacy") is None:
        raise Misuse(f"model {name}: expected the package spacy to be installed")
    if not Path(name, "meta.json").is_file() and (not name.isidentifier() or find_spec(name) is None):
        raise Misuse(
            f"model {name}: found neither a package nor a folder of this name, expected a spaCy model"
        )


# The model of a worker process, loaded when it starts.
_model: Any = None


def _load(name: str) -> None:
    global _model
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    if name.startswith(TRANSFORMERS):
        library: Any = import_module("transformers")
        folder = name.removeprefix(TRANSFORMERS)
        _model = library.pipeline("token-classification", model=folder, aggregation_strategy="simple")
    else:
        _model = import_module("spacy").load(name)


def _labels() -> tuple[str, ...]:
    """Every label of the model that its entities can have; none where it does not say."""
    if hasattr(_model, "pipe_labels"):
        found: Mapping[str, Sequence[str]] = _model.pipe_labels
        return tuple(
            label for part in found if part in ("ner", "entity_ruler", "spancat") for label in found[part]
        )
    return tuple({str(label).split("-")[-1] for label in _model.model.config.id2label.values()} - {"O"})


def _found(texts: Sequence[str], labels: set[str]) -> list[_Hit]:
    """What the model finds, in characters of each text."""
    hits: list[_Hit] = []
    if hasattr(_model, "pipe_labels"):
        for leaf, document in enumerate(_model.pipe(texts)):
            hits += [
                (leaf, e.start_char, e.end_char, e.label_, SCORE) for e in document.ents if e.label_ in labels
            ]
        return hits
    for leaf, entities in enumerate(_model(list(texts))):
        hits += [
            (leaf, int(e["start"]), int(e["end"]), str(e["entity_group"]), float(e["score"]))
            for e in entities
            if e["entity_group"] in labels
        ]
    return hits
