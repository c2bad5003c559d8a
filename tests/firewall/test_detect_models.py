"""A model of the operator's choice: a tiny one is trained here, and finds what it was taught."""

from __future__ import annotations

import random
import socket
import warnings
from collections.abc import AsyncGenerator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from toolgate.core.model import Finding
from toolgate.detect.models import ModelStage
from toolgate.errors import Misuse, PortDown

NAMES = ("Ada Lovelace", "Alan Turing", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov", "Donald Knuth")
SENTENCES = ("Please write to {} today.", "The order was signed by {} again.", "{} called about the invoice.")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that knows a few people's names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _trained(tmp_path_factory.mktemp("model"))


def _trained(folder: Path) -> Path:
    spacy: Any = import_module("spacy")
    training: Any = import_module("spacy.training")
    language = spacy.blank("en")
    language.add_pipe("ner").add_label("PERSON")
    examples: list[Any] = []
    for name in NAMES:
        for sentence in SENTENCES:
            start = sentence.index("{}")
            gold = {"entities": [(start, start + len(name), "PERSON")]}
            text = sentence.format(name)
            examples.append(training.Example.from_dict(language.make_doc(text), gold))
    optimizer = language.initialize(lambda: examples)
    chance = random.Random(3)
    for _ in range(25):
        chance.shuffle(examples)
        language.update(examples, sgd=optimizer, drop=0.1)
    language.to_disk(folder)
    return folder


@pytest.fixture
async def stage(model: Path) -> AsyncGenerator[ModelStage]:
    """The stage with the model loaded."""
    made = ModelStage(str(model), {"PERSON": "PERSON"}, max_chars=1000)
    await made.start()
    yield made
    await made.close()


async def test_what_the_model_was_taught_is_found_and_masked_like_anything_else(stage: ModelStage) -> None:
    text = "Please write to Grace Hopper today."
    (finding,) = await stage.scan(["text", text])
    assert (finding.entity, finding.leaf, text[finding.start : finding.end]) == ("PERSON", 1, "Grace Hopper")


async def test_only_wanted_entities_are_asked_of_the_model(stage: ModelStage) -> None:
    assert await stage.scan(["Please write to Grace Hopper today."], frozenset({"LOCATION"})) == ()
    assert stage.entities == {"PERSON"}


async def test_a_message_that_is_too_long_is_refused_not_skipped(stage: ModelStage) -> None:
    with pytest.raises(PortDown):
        await stage.scan(["x" * 600, "y" * 600])


async def test_several_messages_at_once_get_their_own_findings(stage: ModelStage) -> None:
    import asyncio

    texts = [f"Please write to {name} today." for name in NAMES]
    found: list[tuple[Finding, ...]] = await asyncio.gather(*(stage.scan([text]) for text in texts))
    assert [texts[at][one[0].start : one[0].end] for at, one in enumerate(found)] == list(NAMES)


async def test_a_label_that_the_model_does_not_have_is_named_at_start(model: Path) -> None:
    stage = ModelStage(str(model), {"PLANET": "LOCATION"}, max_chars=1000)
    with pytest.raises(Misuse, match=r"PLANET.*PERSON"):
        await stage.start()


@pytest.mark.parametrize("name", ["no_such_model", "/no/such/folder", "transformers:/no/such/folder"])
async def test_a_missing_model_is_refused_at_start_without_touching_the_network(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(*_: object) -> None:
        raise AssertionError("touched the network")

    monkeypatch.setattr(socket.socket, "connect", shut)
    with pytest.raises(Misuse):
        await ModelStage(name, {"PERSON": "PERSON"}, max_chars=1000).start()


async def test_a_folder_that_is_no_model_is_refused_at_start(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Misuse):
        await ModelStage(str(tmp_path), {"PERSON": "PERSON"}, max_chars=1000).start()


async def test_a_stage_that_was_not_started_refuses() -> None:
    with pytest.raises(PortDown):
        await ModelStage("anything", {"PERSON": "PERSON"}, max_chars=1000).scan(["x"])
