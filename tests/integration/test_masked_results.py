"""Masking leaves structured content valid, masks both representations, and reaches everything said."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from gate import Gate, gate, piped, posted, until
from wires import LEGACY, MODERN, Client, reason, words

CARD = "4111 1111 1111 1111"
UPSTREAMS = ("pipe", "http", "old", "new")

pytestmark = pytest.mark.usefixtures("connections")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gate]:
    folder: Path = tmp_path_factory.mktemp("masks")
    with posted(folder, "http") as http:
        eras = {"pipe": "both", "old": "legacy", "new": "modern"}
        pipes = {name: piped(folder, name, era=era) for name, era in eras.items()}
        with gate(folder, {**pipes, "http": http}) as started:
            yield started


@pytest.mark.parametrize("era", [LEGACY, MODERN])
@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_both_representations_of_a_result_are_masked_alike(
    running: Gate, upstream: str, era: str
) -> None:
    client = await Client(running, f"/{upstream}/mcp", era=era).open()
    answer = await client.call("card", {})
    masked = {"owner": "someone", "card": "<CREDIT_CARD>", "limit": 5}
    assert answer["result"]["structuredContent"] == masked
    assert json.loads(words(answer)) == masked


@pytest.mark.parametrize("era", [LEGACY, MODERN])
async def test_what_breaks_its_own_output_schema_is_withheld(running: Gate, era: str) -> None:
    client = await Client(running, "/pipe/mcp", era=era).open()
    answer = await client.call("card", {"number": "no number"})
    assert reason(answer) == "result-invalid"
    assert "no number" not in json.dumps(answer)


@pytest.mark.parametrize("era", [LEGACY, MODERN])
@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_progress_and_logs_are_masked_too(running: Gate, upstream: str, era: str) -> None:
    client = await Client(running, f"/{upstream}/mcp", era=era).open()
    tag = f"told-{upstream}-{era}"
    meta = {"progressToken": 1, "io.modelcontextprotocol/logLevel": "info"}
    if era == LEGACY:
        await client.ask("logging/setLevel", {"level": "info"})
    # Written backwards, so that the argument itself is no card.
    exchange = await client.start("progress", {"tag": tag, "steps": 2, "leak": CARD[::-1]}, **meta)
    await until(lambda: [one for one in running.events(upstream) if one.get("key") == tag])
    await client.call("release", {"key": tag})
    messages = await exchange.all()
    said = [one["params"].get("message", one["params"].get("data")) for one in messages if "params" in one]
    assert said == [f"{tag} <CREDIT_CARD>"] * 4


async def test_a_card_in_the_arguments_is_refused_and_stands_in_no_file(running: Gate) -> None:
    client = Client(running, "/pipe/mcp")
    answer = await client.call("echo", {"text": f"pay {CARD}"})
    assert reason(answer) == "sensitive-arguments"
    await until(lambda: running.refusals() > 0)
    for file in running.folder.iterdir():
        if file.is_file():
            assert CARD.encode() not in file.read_bytes(), file


async def test_the_journal_still_verifies(running: Gate) -> None:
    assert running.problems() == []


async def test_no_file_that_the_process_wrote_holds_a_value_that_went_through(running: Gate) -> None:
    client = await Client(running, "/pipe/mcp").open()
    mail = "somebody.unheard.of@example.com"
    before = len(running.records())
    await client.call("card", {})
    await client.call("echo", {"text": mail})
    await client.call("echo", {"text": CARD})
    await until(lambda: len(running.records()) >= before + 5)
    files = [file for file in running.folder.rglob("*") if file.name.startswith("toolgate.")]
    assert {"toolgate.db", "toolgate.log"} <= {file.name for file in files}
    for file in files:
        held = file.read_bytes()
        assert not [value for value in (CARD, mail) if value.encode() in held], file.name
