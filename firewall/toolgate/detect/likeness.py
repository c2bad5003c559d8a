"""Whether a text looks drawn at random, like a key, or made up by a person, like a placeholder."""

from __future__ import annotations

import re
from collections import Counter
from math import log2
from typing import Final

_PLACEHOLDER: Final = re.compile(
    r"""(?ix) (?: [x*.•_#-]+ | <.*> | \[.*\] | \$\{.*\} | \{.*\} | %.*% | \$\(?\w+\)? | %[\w(].* | @\w+
    | null | none | nil | true | false | undefined | string | str | text | redacted | masked | hidden
    | required | optional | unknown | n/?a | change[_-]?(?:me|it)\w* | your[ _-].*
    | my[_-]?(?:password|secret|token)
    | (?:user|db|the)?[_-]?pass(?:word|wd|phrase)? | pwd | secret | (?:api|access|secret)?[_-]?(?:key|token)
    | (?:os\.|process\.|env[.\[(]|config[.\[]|self\.|this\.|settings\.|secrets?\.|args\.|data\.|var\.).*
    | example.* | dummy.* | sample.* | placeholder.* | insert.* | todo ) \Z"""
)
_WORDS: Final = re.compile(
    r"(?i)(?:secret|access|password|passwd|pass|key|token|user(?:name)?|name|id|your|my|db|api|app|auth|client|the"
    r"|login|test|admin|default|value|here|foo|bar|baz|[_-])+\Z"
)
_SAID: Final = re.compile(
    r"(?i)example|placeholder|redacted|change_?me|insert_|replace|put_?your|your_|_your|your[a-z]*(?:key|token)"
    r"|yourtoken|tokenhere|keyhere|_here\b|stringhere|my-[a-z]+-|dummy|\.\.\.|\.\.\Z|\*{3}|#{4}"
)
# Zero bytes are many an A in base64; a long number may have many equal digits.
_SAME: Final = re.compile(r"([B-Zb-z#*.])\1{4}|([A0-9])\2{13}|a{5}")
_LETTERS: Final = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
_VOWELS: Final = re.compile(r"[aeiouyAEIOUY]")
_UNREADABLE: Final = re.compile(r"(?i)[bcdfghjklmnpqrstvwxz]{5}|[aeiou]{4}|q[^u]|q\Z|[jvwx][bcdfghjkmpqtvxz]")
_HEX: Final = re.compile(r"(?:[0-9a-f]+|[0-9A-F]+)\Z")


def placeholder(value: str) -> bool:
    """Whether the whole value stands for one that somebody is to fill in."""
    return _PLACEHOLDER.match(value) is not None or _WORDS.match(value) is not None


def invented(value: str) -> bool:
    """Whether a value of a key's form is an example: it says so, repeats itself or uses few characters."""
    return len(set(value)) <= 9 or bool(_SAME.search(value.lstrip("A"))) or bool(_SAID.search(value))


def entropy(value: str) -> float:
    """Bits per character, by how often each occurs in the value itself."""
    size = len(value)
    return -sum(n / size * log2(n / size) for n in Counter(value).values())


_DIGITS: Final = re.compile(r"[0-9]+")
_FLIP: Final = re.compile(r"(?<=[a-z])[A-Z]|(?<=[A-Z])[a-z]")


def wordy(value: str) -> bool:
    """Whether most of it is made of things that read like words: `ultraPictureBox1`, `my-app-secret`.

    Digits scattered through letters make no words, though a few of them read like some.
    """
    if value.isalnum() and len(_DIGITS.findall(value)) >= 3:
        return False
    letters = sum(len(run) for run in _LETTERS.findall(value) if _readable(run))
    return letters > 0.6 * len(value)


def _readable(run: str) -> bool:
    vowels = len(_VOWELS.findall(run))
    return 0.2 <= vowels / len(run) <= 0.7 and not _UNREADABLE.search(run)


def mixed(value: str) -> bool:
    """Whether letters and digits stand together."""
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def drawn(value: str, least: int = 10, bits: float = 2.8) -> bool:
    """Whether a value looks drawn at random: long, varied, letters among digits, no words, no example."""
    if len(value) < least or invented_short(value):
        return False
    if value.isdigit():
        return len(value) >= 14 and len(set(value)) >= 5
    if not any(c.isdigit() for c in value) and not _HEX.match(value):
        if wordy(value) or value.istitle():
            return False
        # Nobody changes between large and small letters so often.
        erratic = len(value) >= 14 and len(_FLIP.findall(value)) >= len(value) / 3
        return erratic or (len(value) >= 20 and value.isalpha() and entropy(value) >= 3.6)
    return mixed(value) and entropy(value) >= bits and not wordy(value)


def invented_short(value: str) -> bool:
    """The same as `invented` for values that may be short: they have fewer characters anyway."""
    return len(set(value)) < min(6, len(value)) or bool(_SAME.search(value)) or bool(_SAID.search(value))
