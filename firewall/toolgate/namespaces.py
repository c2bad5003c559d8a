"""Who shares pseudonyms: the same value has another one in every namespace."""

from __future__ import annotations

from typing import Final

import orjson

from toolgate.core.policy import Policy, PseudonymRule
from toolgate.core.pseudonyms import Names
from toolgate.ports import Keyring

_NAMESPACE: Final = "pseudonym-namespace"
_NAMES: Final = "pseudonym-names"


def namespace_of(keyring: Keyring, rule: PseudonymRule, caller: str, session: str) -> str:
    """The namespace of a call, as a digest: the store tells nobody's name."""
    who = {"tenant": [], "caller": [caller], "session": [caller, session]}
    return keyring.digest(_NAMESPACE, orjson.dumps([rule.within, *who[rule.within]]))


def names_key(keyring: Keyring) -> bytes:
    """What pseudonyms and hashes are made with."""
    return bytes.fromhex(keyring.digest(_NAMES, b""))


def names_of(keyring: Keyring, policy: Policy, caller: str, session: str) -> Names | None:
    """The names for what a call sends; None where the policy gives none."""
    rule = policy.pseudonyms
    if rule is None:
        return None
    return Names(names_key(keyring), namespace_of(keyring, rule, caller, session))
