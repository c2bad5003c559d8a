"""One word per cause, and a sentence for people behind every word."""

from __future__ import annotations

import re

from toolgate.core.reasons import Reason
from toolgate.replies import SENTENCES


def test_every_reason_is_its_name_in_kebab_case() -> None:
    assert [reason.value for reason in Reason] == [
        name.lower().replace("_", "-") for name in Reason.__members__
    ]


def test_every_reason_has_a_sentence_that_ends() -> None:
    assert set(SENTENCES) == set(Reason)
    assert [text for text in SENTENCES.values() if not re.fullmatch(r"[A-Za-z].*\.", text)] == []
