"""The settings that docs/servers.md shows for the actions server are settings that it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from git_setups import make_repository
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.config import load_settings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "servers.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```yaml\n# toolgate-actions --config actions\.yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_settings_shown_switch_on_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_TOKEN", "DAV_PASSWORD", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "hunter2")
    (shown,) = (text for text in SHOWN if "messaging:" in text)
    file = tmp_path / "actions.yaml"
    file.write_text(shown.replace("/srv/site", str(make_repository(tmp_path / "site"))))
    server = build(load_settings(file, ActionsSettings))
    on = [family for family in server.families if family.is_on]
    assert [family.name for family in on] == ["messaging", "crm", "git"]
    assert sum(len(family.tools) for family in on) == 21
    assert "hunter2" not in "".join(family.line() for family in server.families)


def test_every_tool_of_these_families_is_on_the_page() -> None:
    families = {
        "mail": False,
        "calendar": False,
        "tickets": False,
        "messaging": True,
        "crm": True,
        "git": True,
    }
    server = build(ActionsSettings.model_validate({"families": families}))
    named = set(re.findall(r"`((?:message|crm|git)_[a-z_]+)`", PAGE))
    assert {tool.name for family in server.families for tool in family.tools} <= named
