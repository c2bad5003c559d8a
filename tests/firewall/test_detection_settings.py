"""Rule files and a model in the settings: used where they are, refused with file and line where not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from toolgate.app import build
from toolgate.cli.commands import application
from toolgate.core.model import Finding, JsonObject
from toolgate.core.wanted import Wanted
from toolgate.detect.engine import Engine
from toolgate.detect.joined import Joined
from toolgate.detect.matchers import Re2
from toolgate.detect.models import ModelStage
from toolgate.detecting import detecting
from toolgate.errors import Misuse, PolicyError
from toolgate.settings import Settings, load

RULES = """
[[rules]]
id = "badge"
regex = "BADGE-[0-9]{4}"
entity = "BADGE"
score = 0.6
"""
POLICY = """
version: 1
tiers: {read: [crm/find]}
roles: {agent: {tools: [crm/find]}}
redaction:
  results: {other: mask, BADGE: mask, URL: mask, scores: {BADGE: 0.5, PHONE_NUMBER: 0.7}}
"""


def written(folder: Path, policy: str = POLICY, rules: str = RULES, **detection: object) -> Path:
    """Settings with a rule file and a policy beside them."""
    (folder / "own.toml").write_text(rules)
    (folder / "policy.yaml").write_text(policy)
    content: JsonObject = {"detection": {"rules": ["own.toml"], **detection}}
    (folder / "toolgate.yaml").write_text(yaml.safe_dump(content))
    return folder / "toolgate.yaml"


def checked(settings: Path) -> tuple[int, str]:
    """Exit code and words of `toolgate check --settings`."""
    done = CliRunner().invoke(application(), ["check", "--settings", str(settings)])
    return done.exit_code, done.output.replace(f"{settings.parent}/", "")


async def test_what_a_rule_file_finds_is_looked_for_where_a_policy_names_it(tmp_path: Path) -> None:
    app = build(load(written(tmp_path)))
    try:
        view = app.policies.current.view(("agent",), "crm", "find")
        assert isinstance(view.wanted_results, Wanted)
        assert {"BADGE", "URL", "EMAIL_ADDRESS"} <= view.wanted_results
        assert view.wanted_results.least["PHONE_NUMBER"] == 0.7
        found = await app.world.detectors.scan(["BADGE-1234 and a@b.example"], view.wanted_results)
        assert {one.entity for one in found} == {"BADGE", "EMAIL_ADDRESS"}
    finally:
        await app.close()


def test_what_is_sound_is_fine(tmp_path: Path) -> None:
    assert checked(written(tmp_path))[0] == 0


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ({"policy": POLICY.replace("BADGE", "BATCH")}, "policy.yaml:6 redaction.results.BATCH", "BADGE"),
        (
            {"policy": POLICY.replace("0.5", "0.7")},
            "policy.yaml:6 redaction.results.scores.BADGE",
            "0 to 0.6",
        ),
        (
            {"policy": POLICY.replace("0.5", "1.7")},
            "policy.yaml:6 redaction.results.scores.BADGE",
            "equal to 1",
        ),
        ({"rules": "[[rules]\n"}, "toolgate.yaml:3 detection.rules[0]: own.toml:1", ""),
        ({"rules": RULES.replace("[0-9]", "(?=a)")}, "detection.rules[0]: own.toml:3: rule badge", "RE2"),
    ],
)
def test_check_says_file_and_line(tmp_path: Path, change: dict[str, str], where: str, what: str) -> None:
    code, said = checked(written(tmp_path, **change))
    assert code == 1
    assert where in said
    assert what in said


def test_a_rule_file_or_model_that_is_not_there_is_told_with_the_line_of_the_settings(tmp_path: Path) -> None:
    model = {"name": "no_such_model", "entities": {"PER": "PERSON"}}
    settings = written(tmp_path, model=model)
    (tmp_path / "own.toml").unlink()
    code, said = checked(settings)
    assert code == 1
    assert "toolgate.yaml:7 detection.rules[0]: own.toml: found No such file" in said
    assert (
        "toolgate.yaml:2 detection.model: model no_such_model: found neither a package nor a folder" in said
    )


async def test_a_model_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    app = build(load(written(tmp_path, model={"name": "no_such_model", "entities": {"PER": "PERSON"}})))
    with pytest.raises(Misuse, match="no_such_model"):
        await app.start()


def test_a_policy_for_what_nothing_finds_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"policy.yaml:6 .*BATCH"):
        build(load(written(tmp_path, POLICY.replace("BADGE", "BATCH"))))


def test_a_model_is_where_its_path_leads_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "names").mkdir()

    def named(name: str) -> str:
        model = load(written(tmp_path, model={"name": name, "entities": {"PER": "PERSON"}})).detection.model
        assert model is not None
        return model.name

    assert named("names") == str(tmp_path / "names")
    assert named("models/names") == str(tmp_path / "models" / "names")
    assert named("transformers:names") == f"transformers:{tmp_path / 'names'}"
    assert named("en_core_web_sm") == "en_core_web_sm"


def test_without_a_model_nothing_stands_between_gateway_and_patterns(tmp_path: Path) -> None:
    found = detecting(load(written(tmp_path)), Re2)
    assert found.all is found.engine
    assert found.highest["BADGE"] == 0.6


class Names(ModelStage):
    """A model that knows one name, less and more surely."""

    def __init__(self) -> None:
        super().__init__("names", {"PER": "PERSON", "MAIL": "EMAIL_ADDRESS"}, 1000)
        self.asked: list[frozenset[str] | None] = []

    async def scan(self, texts: Sequence[str], entities: frozenset[str] | None = None) -> tuple[Finding, ...]:
        """Ann, everywhere."""
        self.asked.append(entities)
        return tuple(
            Finding("PERSON", leaf, text.index("Ann"), text.index("Ann") + 3, score)
            for leaf, text in enumerate(texts)
            for score in (0.4, 0.8)
            if "Ann" in text
        )


async def test_what_patterns_and_model_find_comes_together() -> None:
    model = Names()
    joined = Joined(Engine(Re2), model)
    wanted = Wanted({"PERSON": 0.5, "EMAIL_ADDRESS": 0.0, "US_SSN": 0.0})
    for _ in range(2):
        found = await joined.scan(["Ann at ann@b.example"], wanted)
        assert [(one.entity, one.score) for one in found] == [("EMAIL_ADDRESS", 1.0), ("PERSON", 0.8)]
    assert model.asked[0] == frozenset({"PERSON", "EMAIL_ADDRESS"})
    assert await joined.scan(["Ann 536-90-4399"], frozenset({"US_SSN"})) != ()
    assert len(model.asked) == 2
    assert joined.highest["PERSON"] == 0.85
    assert joined.highest["EMAIL_ADDRESS"] == 1.0


def test_settings_without_the_part_have_neither(tmp_path: Path) -> None:
    (tmp_path / "toolgate.yaml").write_text("policies: policy.yaml\n")
    settings: Settings = load(tmp_path / "toolgate.yaml")
    assert (settings.detection.rules, settings.detection.model) == ((), None)
