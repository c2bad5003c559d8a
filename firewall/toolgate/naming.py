"""Pseudonyms at work: kept before anybody sees them, put back for who may have the value."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import cast

import orjson

from toolgate.core.model import Call, Finding, JsonObject, Pseudonym, Refuse
from toolgate.core.policy import Action, Actions, Policy, PseudonymRule, View
from toolgate.core.pseudonyms import Names, echoed, restored, tokens
from toolgate.core.redact import redact
from toolgate.core.texts import Texts, texts
from toolgate.namespaces import names_key, namespace_of
from toolgate.ports import Alias, Clock, Keyring, Pseudonyms

# Elsewhere what names a thing would change after it was judged.
_WITH_ARGUMENTS = frozenset({"tools/call", "prompts/get"})
_EACH = Actions({}, Action.PSEUDONYM)
_VALUE = "pseudonym-value"
# Pseudonyms known to be in the store; the longest unused are looked up, or written, once more.
_MOST = 10_000


class Naming:
    """Gives names to what is found, keeps what they stand for encrypted, and finds it again."""

    def __init__(self, store: Pseudonyms, keyring: Keyring, clock: Clock) -> None:
        self._store, self._keyring, self._clock = store, keyring, clock
        self._fresh: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def names(self, call: Call, policy: Policy) -> Names | None:
        """The names for one message about a call; None where none are given and none were put back."""
        rule = policy.pseudonyms
        if rule is None and not call.restored:
            return None
        within = "" if rule is None else self._namespace(rule, call)
        echoes = {value: token for token, value in call.restored}
        return Names(names_key(self._keyring), within, echoes=echoes)

    async def keep(self, names: Names | None, call: Call, policy: Policy) -> None:
        """Remember what was named. Raises JournalDown; then nothing may be delivered."""
        rule = policy.pseudonyms
        if names is None or not names.given or rule is None:
            return
        now, within = self._clock.now(), self._namespace(rule, call)
        aliases = [
            self._alias(token, within, call.upstream, found, now + rule.keep)
            for token, found in names.given.items()
            if self._fresh.get((within, token, call.upstream), 0.0) < now + rule.keep / 2
        ]
        if not aliases:
            return
        await self._store.name(aliases)
        for alias in aliases:
            self._fresh[alias.namespace, alias.token, alias.upstream] = alias.expires
        while len(self._fresh) > _MOST:
            self._fresh.popitem(last=False)

    async def redacted(
        self, value: JsonObject, findings: tuple[Finding, ...], actions: Actions, call: Call, policy: Policy
    ) -> JsonObject:
        """What an upstream says beside its results, with the policy's masks and names, which are kept."""
        names = self.names(call, policy)
        if names is None:
            return cast("JsonObject", redact(value, findings, actions))
        read = texts(value)
        found = self.found(findings, read, call)
        named = cast("JsonObject", redact(value, found, actions, read, names))
        await self.keep(names, call, policy)
        return named

    def found(self, findings: tuple[Finding, ...], read: Texts | None, call: Call) -> tuple[Finding, ...]:
        """The findings, and where values stand that this call's pseudonyms were put back to."""
        if not call.restored or read is None:
            return findings
        return (*findings, *echoed(read, {value: token for token, value in call.restored}))

    async def put_back(self, call: Call, policy: Policy, view: View) -> Call | Refuse:
        """The call with the values its pseudonyms stand for. A refusal never says which values there are."""
        rule = policy.pseudonyms
        if rule is None or call.method not in _WITH_ARGUMENTS:
            return call
        wanted = tokens(texts(call.arguments))
        if not wanted:
            return call
        known = await self._known(self._namespace(rule, call), wanted)
        found = restored(call.arguments, known, view, call.upstream)
        if isinstance(found, Refuse):
            return found
        arguments, echoes = found
        back = tuple((token, value) for value, token in echoes.items())
        return replace(call, arguments=arguments, restored=back)

    async def recognised(self, call: Call, policy: Policy, findings: tuple[Finding, ...]) -> Call:
        """A held call that goes on: the values in it that its caller knows by pseudonym only.

        `findings` are those of its arguments. What they name stays unsaid in the answer too.
        """
        names, rule = self.names(call, policy), policy.pseudonyms
        if names is None or rule is None or not findings:
            return call
        read = texts(call.arguments)
        values = {(one.entity, read[one.leaf][one.start : one.end]) for one in findings}
        tokens_of = {names.instead(entity, value, _EACH): value for entity, value in sorted(values)}
        stored = await self._store.named(self._namespace(rule, call), [one for one in tokens_of if one])
        back = {(alias.token, tokens_of[alias.token]) for alias in stored}
        return replace(call, restored=tuple(sorted(back)))

    async def _known(self, namespace: str, wanted: frozenset[str]) -> dict[str, Pseudonym]:
        known: dict[str, Pseudonym] = {}
        for alias in await self._store.named(namespace, sorted(wanted)):
            value, entity = orjson.loads(self._keyring.unseal(_VALUE, alias.sealed))
            before = known.get(alias.token)
            others = before.upstreams if before is not None else frozenset[str]()
            known[alias.token] = Pseudonym(value, entity, others | {alias.upstream})
        return known

    def _alias(
        self, token: str, namespace: str, upstream: str, found: tuple[str, str], expires: float
    ) -> Alias:
        entity, text = found
        sealed = self._keyring.seal(_VALUE, orjson.dumps([text, entity]))
        return Alias(namespace, token, upstream, sealed, expires)

    def _namespace(self, rule: PseudonymRule, call: Call) -> str:
        return namespace_of(self._keyring, rule, call.caller.name, call.session)
