"""Where toolgate cannot work, its client is told why instead of meeting a dead process."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.core.model import Refuse
from toolgate.core.reasons import Reason
from toolgate.errors import JournalDown, PolicyError, SettingsError, ToolgateError
from toolgate.ingress.broken import answer, reason_of
from toolgate.settings.sources import made
from toolgate.starters import ensure_policy


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        (PolicyError("policy.yaml:3: …"), Reason.POLICY_BROKEN),
        (JournalDown("toolgate.db: …"), Reason.JOURNAL_DOWN),
        (SettingsError("/data: …"), Reason.SETTINGS_BROKEN),
    ],
)
def test_the_reason_is_that_of_the_mistake(mistake: ToolgateError, reason: Reason) -> None:
    assert reason_of(mistake) is reason


def test_a_client_reads_the_mistake_when_it_begins_and_when_it_calls() -> None:
    refusal = Refuse(Reason.SETTINGS_BROKEN, "/data: found no folder")
    begun = answer({"id": 1, "method": "initialize"}, refusal)
    assert "/data: found no folder" in begun["result"]["instructions"]
    called = answer({"id": 2, "method": "tools/call"}, refusal)
    assert called["result"]["isError"] is True
    assert called["result"]["_meta"]["toolgate/verdict"]["reason"] == "settings-broken"
    assert answer({"id": 3, "method": "tools/list"}, refusal)["result"] == {"tools": []}


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("not a folder")
    with pytest.raises(SettingsError, match=r"file: found .*, expected a folder to write to"):
        ensure_policy(folder / "policy.yaml", "wrapped")


def test_a_data_folder_that_is_not_there_is_made_for_its_owner_only(tmp_path: Path) -> None:
    folder = made(tmp_path / "new" / "home")
    assert folder.stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be used as the data folder"):
        made(tmp_path / "file" / "home")
