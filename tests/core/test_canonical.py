"""The canonical form by example: these bytes are final."""

from __future__ import annotations

from typing import Any

import pytest

from toolgate.core.canonical import canonical


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}'),
        ({"é": 1, "z": 2, "aa": 3, "a": 4}, '{"a":4,"aa":3,"z":2,"é":1}'.encode()),
        ({"n": 2**63, "m": -(2**63)}, b'{"m":-9223372036854775808,"n":9223372036854775808}'),
        ([1, 1.0, 1e300], b"[1,1.0,1e+300]"),
        ('\u20ac\n"\\', '"€\\n\\"\\\\"'.encode()),
        ({"outer": {"d": {}, "c": []}}, b'{"outer":{"c":[],"d":{}}}'),
    ],
)
def test_canonical_bytes(value: Any, expected: bytes) -> None:
    assert canonical(value) == expected


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, {1: 2}, "\ud800", b"bytes"])
def test_what_json_cannot_say_exactly_is_an_error(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical(value)
