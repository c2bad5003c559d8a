"""Which hosts a request may name, and which pages may send one."""

from __future__ import annotations

import pytest

from toolgate.core.reasons import Reason
from toolgate.ingress.guard import Origins

HERE = "127.0.0.1:8717"
PUBLIC = "https://tools.example.com"


@pytest.mark.parametrize(
    ("listen", "public", "headers", "fits"),
    [
        (HERE, "", {"host": HERE}, True),
        (HERE, "", {"host": "localhost:8717"}, True),
        (HERE, "", {"host": "evil.example"}, False),
        (HERE, "", {}, False),
        (HERE, "", {"host": HERE, "origin": "http://localhost:8717"}, True),
        (HERE, "", {"host": HERE, "origin": "http://evil.example"}, False),
        (HERE, "", {"host": HERE, "origin": "null"}, False),
        (HERE, PUBLIC, {"host": "tools.example.com", "origin": PUBLIC}, True),
        ("0.0.0.0:8717", "", {"host": "anything.example"}, True),
        ("0.0.0.0:8717", PUBLIC, {"host": "tools.example.com"}, True),
        ("0.0.0.0:8717", PUBLIC, {"host": "evil.example"}, False),
        ("[::]:8717", PUBLIC, {"host": "evil.example"}, False),
    ],
)
def test_only_our_own_names_and_pages_are_served(
    listen: str, public: str, headers: dict[str, str], fits: bool
) -> None:
    wrong = Origins(listen, public).wrong(headers)
    assert (wrong is None) is fits
    assert wrong is None or wrong.reason is Reason.BAD_ORIGIN
