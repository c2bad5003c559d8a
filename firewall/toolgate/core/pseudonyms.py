"""Pseudonyms: what stands in a text for a value, the same every time under one key, and the way back.

A pseudonym is `<email-7f3ak2m9xq>`: what kind of value, then 50 bits of a keyed digest of namespace, entity
and value. Without the key nobody can make one, and in another namespace the same value has another one.
Where a schema asks for an address or a number, it is `email-7f3ak2m9xq@pseudonym.invalid` (RFC 2606: no such
domain will ever exist) or `+999` and 13 digits (ITU-T E.164 assigns 999 to nobody).
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast
from urllib.parse import quote

from toolgate.core.model import Finding, Pseudonym, Refuse
from toolgate.core.policy import Action, Actions, View
from toolgate.core.reasons import Reason
from toolgate.core.texts import Texts, texts

_type: Final = cast("Callable[[object], type[object]]", type)
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_CODE: Final = f"[{_LETTERS}]{{10}}"
_DIGITS: Final = 13
_SHAPED: Final = "@pseudonym.invalid"
_PHONE: Final = "+999"
_PLAIN: Final = rf"[a-z][a-z0-9_]{{0,40}}-{_CODE}"
# In HTML, JSON or a URL it is one all the same, and nobody knows it: it would be read as it is.
_SPELLED: Final = (
    rf"(?:&(?:lt|#60|#[xX]3[cC]);|\\+u003[cC]|%3[cC]){_PLAIN}(?:&(?:gt|#62|#[xX]3[eE]);|\\+u003[eE]|%3[eE])"
)
_TOKEN: Final = re.compile(
    rf"<{_PLAIN}>|{_PLAIN}(?:@|%40)pseudonym\.invalid|(?:\+|%2[bB])999[0-9]{{{_DIGITS}}}|{_SPELLED}"
)
_KINDS: Final = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "US_SSN": "ssn",
    "IP_ADDRESS": "ip",
}
# With so many digits a value is a number, which everybody groups as they like.
_GROUPED_FROM: Final = 7
# The rule of findings that `echoed` makes.
BACK: Final = "restored"
ECHO: Final = "PSEUDONYM"


class Names:
    """Gives pseudonyms and hashes for one message, and remembers which values it named.

    `key` is 32 bytes, `namespace` who shares pseudonyms. `shaped` ones look like what they stand for.
    `echoes` are values that toolgate itself put back on the way out: they get their pseudonym again,
    whatever the policy says of the entity.
    """

    def __init__(
        self, key: bytes, namespace: str, *, shaped: bool = False, echoes: Mapping[str, str] | None = None
    ) -> None:
        self._key, self._namespace = key, namespace
        self.shaped = shaped
        self.echoes: Mapping[str, str] = echoes or {}
        self.given: dict[str, tuple[str, str]] = {}

    def instead(self, entity: str, text: str, actions: Actions) -> str | None:
        """What stands for a text; None where it is only masked."""
        back = self.echoes.get(text)
        if back is None and entity == ECHO:
            back = next(token for value, token in self.echoes.items() if _written(value).fullmatch(text))
        if back is not None:
            return back
        action = actions.of(entity)
        if action is Action.HASH:
            return f"<{_kind(entity)}#{_code(self._digest('', entity, text))}>"
        if action is not Action.PSEUDONYM:
            return None
        name = self._name(entity, text)
        self.given[name] = (entity, text)
        return name

    def shape(self) -> Names:
        """The same names, shaped like what they stand for."""
        return Names(self._key, self._namespace, shaped=True, echoes=self.echoes)

    def _name(self, entity: str, text: str) -> str:
        digest = self._digest(self._namespace, entity, text)
        if self.shaped and entity == "PHONE_NUMBER":
            return f"{_PHONE}{int.from_bytes(digest[:8], 'big') % 10**_DIGITS:0{_DIGITS}d}"
        plain = f"{_kind(entity)}-{_code(digest)}"
        return f"{plain}{_SHAPED}" if self.shaped and entity == "EMAIL_ADDRESS" else f"<{plain}>"

    def _digest(self, namespace: str, entity: str, text: str) -> bytes:
        message = f"{namespace}\0{entity}\0{text}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(message, digest_size=16, key=self._key, person=b"pseudonym").digest()


class Instead:
    """The names for what one set of actions says of each entity."""

    def __init__(self, names: Names, actions: Actions) -> None:
        self._names, self._actions = names, actions

    def of(self, entity: str, text: str) -> str | None:
        """What stands for a text; None where it is only masked."""
        return self._names.instead(entity, text, self._actions)


def tokens(leaves: Texts) -> frozenset[str]:
    """Every pseudonym that stands in the texts, known or not."""
    found: set[str] = set()
    for leaf in leaves:
        if "-" in leaf or "999" in leaf:
            found.update(_TOKEN.findall(leaf))
    return frozenset(found)


def restored(
    arguments: dict[str, Any], known: Mapping[str, Pseudonym], view: View, upstream: str
) -> tuple[dict[str, Any], dict[str, str]] | Refuse:
    """The arguments with every pseudonym put back, and the pseudonym of each value that was.

    Refused where one is not known to this caller, or the policy does not let it go back here: into an
    argument it names under `restore`, or to the upstream the value came from where the tool names no
    destination. The pseudonym itself is never sent.
    """
    made: dict[str, Any] = {}
    echoes: dict[str, str] = {}
    for key, item in arguments.items():
        leaves = texts({key: item})
        here = tokens(leaves)
        for token in sorted(here):
            found = known.get(token)
            if found is None:
                detail = f"arguments.{key[:64]}: found a pseudonym that is unknown or has expired"
                return Refuse(Reason.PSEUDONYM_UNKNOWN, f"{detail}, expected one of this caller's")
            if token in tokens(texts(key)) or not _cleared(found, key, view, upstream):
                detail = f"arguments.{key[:64]}: found a pseudonym that may not be put back here"
                return Refuse(
                    Reason.PSEUDONYM_UNKNOWN, f"{detail}, expected none, or `restore` in the policy"
                )
            echoes[found.value] = token
        made[key] = _replaced(item, known) if here else item
    return (made, echoes) if echoes else (arguments, echoes)


def echoed(leaves: Texts, echoes: Mapping[str, str]) -> tuple[Finding, ...]:
    """Where values stand that were put back into the arguments: no answer may tell them to the caller."""
    return tuple(
        Finding(ECHO, at, match.start(), match.end(), 2.0, BACK)
        for written in map(_written, echoes)
        for at, leaf in enumerate(leaves)
        for match in written.finditer(leaf)
    )


def _written(value: str) -> re.Pattern[str]:
    """A value as an upstream may write it: in small letters, JSON, a URL or HTML, digits in other groups."""
    forms = {value, quote(value, safe=""), quote(value), json.dumps(value)[1:-1], html.escape(value)}
    ways = [re.escape(form) for form in sorted(forms, key=len, reverse=True)]
    figures = [letter for letter in value if letter.isalnum()]
    if "@" not in value and sum(map(str.isdigit, figures)) >= _GROUPED_FROM:
        ways.append("[ ().+/-]{0,3}".join(map(re.escape, figures)))
    return re.compile("|".join(ways), re.IGNORECASE)


def _cleared(found: Pseudonym, argument: str, view: View, upstream: str) -> bool:
    entities = view.restores.get(argument)
    if entities is not None and found.entity in entities:
        return True
    return upstream in found.upstreams and not view.destinations


def _replaced(item: Any, known: Mapping[str, Pseudonym]) -> Any:
    kind = _type(item)
    if kind is str:
        return _TOKEN.sub(lambda match: known[match.group()].value, item)
    if kind is list:
        return [_replaced(one, known) for one in item]
    if kind is dict:
        return {_replaced(key, known): _replaced(one, known) for key, one in item.items()}
    return item


def _kind(entity: str) -> str:
    return _KINDS.get(entity) or entity.lower()


def _code(digest: bytes) -> str:
    bits = int.from_bytes(digest[8:], "big")
    return "".join(_LETTERS[bits >> shift & 31] for shift in range(0, 50, 5))
