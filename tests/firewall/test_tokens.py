"""Tokens of an OpenID provider, and what clients are told about it. The provider's keys are made here."""

from __future__ import annotations

import base64
import hmac
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from toolgate.core.model import Caller
from toolgate.core.reasons import Reason
from toolgate.errors import PortDown
from toolgate.ingress.challenge import forbidden, metadata, metadata_url, unauthorized
from toolgate.ingress.identity import Identity, Keys, Unauthenticated
from toolgate.ingress.issuer import Issuer
from toolgate.ingress.jwks import EXPIRED, REFRESH, STALE, usable
from toolgate.ingress.tokens import LEEWAY, MEMORY, REMEMBERED, Tokens
from toolgate.testing import Clock

NOW = 1_800_000_000.0
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
ISSUER = Issuer("https://idp.example.com", "toolgate", "https://idp.example.com/jwks", "groups")


def public(kid: str, key: Any, algorithm: str) -> dict[str, Any]:
    known = jwt.get_algorithm_by_name(algorithm)
    return {**json.loads(known.to_jwk(key.public_key())), "kid": kid, "use": "sig"}


@dataclass
class Provider:
    """An issuer: the keys it lists, and how often it was asked."""

    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [
            public("r", RSA, "RS256"),
            public("e", EC, "ES256"),
            public("d", ED, "EdDSA"),
        ]
    )
    down: bool = False
    asked: int = 0

    def fetch(self, url: str) -> bytes:
        assert url == ISSUER.jwks
        self.asked += 1
        if self.down:
            raise OSError("nobody there")
        return json.dumps({"keys": self.keys}).encode()


@dataclass
class World:
    """A firewall's identity with everything around it."""

    folder: Path
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    provider: Provider = field(default_factory=Provider)
    nobody: Caller | None = None

    def __post_init__(self) -> None:
        self.path = self.folder / "keys.yaml"
        self.tokens = Tokens(ISSUER, self.clock, self.provider.fetch)
        self.identity = self.restarted()

    def restarted(self, nobody: Caller | None = None, jwt: bool = True) -> Identity:
        keys = Keys(self.path, self.clock)
        return Identity(keys, self.tokens if jwt else None, nobody, "https://tools.example.com")

    async def who(self, token: str | bytes) -> Caller | Unauthenticated:
        header = b"Bearer " + (token if isinstance(token, bytes) else token.encode())
        return await self.identity.authenticate(header)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "r", **changes: Any) -> str:
    claims: dict[str, Any] = {"iss": ISSUER.issuer, "aud": ISSUER.audience, "sub": "ann"}
    claims |= {"exp": NOW + 600, "groups": ["a", "b"]}
    claims |= changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"kid": kid} if kid is not None else {})


def error_of(who: Caller | Unauthenticated) -> str:
    assert isinstance(who, Unauthenticated)
    assert who.reason is Reason.NOT_AUTHENTICATED
    return who.error


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"), [(RSA, "RS256", "r"), (EC, "ES256", "e"), (ED, "EdDSA", "d")]
)
async def test_a_token_of_the_issuer_speaks_for_its_subject(
    world: World, key: Any, algorithm: str, kid: str
) -> None:
    assert await world.who(token(key, algorithm, kid)) == Caller("ann", ("a", "b"), "jwt:ann")


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"groups": "a b  c"}, ("a", "b", "c")),
        ({"groups": ["a", "a"]}, ("a",)),
        ({"groups": None}, ()),
    ],
)
async def test_roles_are_a_list_or_words_in_a_claim(
    world: World, claims: Any, roles: tuple[str, ...]
) -> None:
    who = await world.who(token(**claims))
    assert isinstance(who, Caller)
    assert who.roles == roles


async def test_the_claim_with_the_roles_may_be_nested(world: World) -> None:
    nested = Issuer(ISSUER.issuer, ISSUER.audience, ISSUER.jwks, "realm_access.roles")
    tokens = Tokens(nested, world.clock, world.provider.fetch)
    who = await tokens.verified(token(realm_access={"roles": ["x"]}).encode())
    assert who == Caller("ann", ("x",), "jwt:ann")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example.com"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "a\nb"},
        {"exp": None},
        {"exp": NOW - LEEWAY},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": 1e300},
        {"nbf": NOW + LEEWAY + 1},
        {"iat": NOW + LEEWAY + 1},
        {"groups": {"admin": True}},
        {"groups": ["a", 1]},
    ],
)
async def test_a_token_with_a_wrong_claim_is_invalid(world: World, claims: dict[str, Any]) -> None:
    assert error_of(await world.who(token(**claims))) == "invalid_token"


async def test_clocks_may_differ_by_half_a_minute(world: World) -> None:
    assert isinstance(await world.who(token(exp=NOW - LEEWAY + 1)), Caller)
    assert isinstance(await world.who(token(nbf=NOW + LEEWAY - 1)), Caller)


async def test_unsigned_and_symmetric_tokens_are_refused_without_asking_the_issuer(world: World) -> None:
    body = token("x" * 64, "HS256").rpartition(".")[0]
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    confused = base64.urlsafe_b64encode(hmac.digest(pem, body.encode(), "sha256")).decode().rstrip("=")
    forged = [
        token(None, "none"),
        token("x" * 64, "HS256"),
        f"{body}.{confused}",  # the public key as an HMAC secret
        token(RSA, "RS512"),
        token(RSA, "PS256"),
    ]
    for one in forged:
        assert error_of(await world.who(one)) == "invalid_token"
    assert world.provider.asked == 0


async def test_a_symmetric_or_private_key_that_the_issuer_lists_is_never_used(world: World) -> None:
    private = json.loads(jwt.get_algorithm_by_name("RS256").to_jwk(RSA))
    weak = rsa.generate_private_key(65537, 1024)
    listed = [
        {"kty": "oct", "k": "eHh4", "kid": "o", "alg": "HS256"},
        {**private, "kid": "p"},
        {**public("w", weak, "RS256")},
        {**public("x", RSA, "RS256"), "use": "enc"},
        {**public("y", RSA, "RS256"), "alg": "RS512"},
        {"kty": "RSA", "n": "!", "e": "?", "kid": "z"},
        {"kty": ["RSA"]},
    ]
    assert usable(json.dumps({"keys": listed}).encode()) == {}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": [1]}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_key_document_is_a_value_error_at_most(content: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        usable(content)


async def test_a_token_signed_by_another_key_is_invalid(world: World) -> None:
    other = rsa.generate_private_key(65537, 2048)
    assert error_of(await world.who(token(other))) == "invalid_token"
    assert error_of(await world.who(token(EC, "ES256", "r"))) == "invalid_token"


async def test_a_token_without_a_key_id_needs_an_issuer_with_one_key(world: World) -> None:
    assert error_of(await world.who(token(kid=None))) == "invalid_token"
    world.provider.keys = world.provider.keys[:1]
    world.clock.time += REFRESH
    assert isinstance(await world.who(token(kid=None)), Caller)


@pytest.mark.parametrize("junk", [b"x", b"a.b.c", b"\xff\xfe.x.y", b"eyJ" * 9000, b"e30.e30."])
async def test_what_is_no_token_is_invalid_and_asks_nobody(world: World, junk: bytes) -> None:
    assert error_of(await world.who(junk)) == "invalid_token"
    assert world.provider.asked == 0


async def test_critical_extensions_are_refused(world: World) -> None:
    headers = {"kid": "r", "crit": ["b64"], "b64": True}
    claims = {"iss": ISSUER.issuer, "aud": ISSUER.audience, "sub": "ann", "exp": NOW + 600}
    assert error_of(await world.who(jwt.encode(claims, RSA, "RS256", headers=headers))) == "invalid_token"


async def test_a_verified_token_is_remembered_until_it_expires(world: World) -> None:
    header = f"Bearer {token()}".encode()
    assert world.identity.known(header) is None
    assert isinstance(await world.identity.authenticate(header), Caller)
    assert isinstance(world.identity.known(header), Caller)
    world.clock.time += 600 + LEEWAY
    assert world.identity.known(header) is None
    assert error_of(await world.identity.authenticate(header)) == "invalid_token"


async def test_a_long_lived_token_is_verified_again_after_an_hour(world: World) -> None:
    header = f"Bearer {token(exp=NOW + 1e6)}".encode()
    assert isinstance(await world.identity.authenticate(header), Caller)
    world.provider.keys = world.provider.keys[1:]
    world.clock.time += max(MEMORY, STALE) + 1
    assert error_of(await world.identity.authenticate(header)) == "invalid_token"


async def test_the_memory_of_tokens_is_bounded(world: World) -> None:
    await world.who(token(ED, "EdDSA", "d", jti="first"))
    for number in range(REMEMBERED):
        await world.who(token(ED, "EdDSA", "d", jti=str(number)))
    assert world.tokens.recalled(token(ED, "EdDSA", "d", jti="first").encode()) is None
    assert world.tokens.recalled(token(ED, "EdDSA", "d", jti=str(REMEMBERED - 1)).encode()) is not None


async def test_an_unknown_key_id_asks_the_issuer_once_a_minute(world: World) -> None:
    await world.who(token())
    for number in range(20):
        assert error_of(await world.who(token(kid=f"new{number}"))) == "invalid_token"
    assert world.provider.asked == 1
    world.provider.keys.append(public("new", ED, "EdDSA"))
    world.clock.time += REFRESH
    assert isinstance(await world.who(token(ED, "EdDSA", "new")), Caller)
    assert world.provider.asked == 2


async def test_an_issuer_that_was_never_reached_is_a_port_that_is_down(world: World) -> None:
    world.provider.down = True
    for _ in range(3):
        with pytest.raises(PortDown):
            await world.who(token())
    assert world.provider.asked == 1
    world.provider.down = False
    world.clock.time += 5.0
    assert isinstance(await world.who(token()), Caller)


async def test_known_keys_outlive_an_issuer_that_is_down_by_a_day(world: World) -> None:
    await world.who(token())
    world.provider.down = True
    world.clock.time += STALE + 1
    assert isinstance(await world.who(token(exp=NOW + 1e6)), Caller)
    world.clock.time += EXPIRED
    with pytest.raises(PortDown):
        await world.who(token(exp=NOW + 1e6, jti="other"))


async def test_no_token_appears_in_a_log_or_an_answer(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.provider.down = True
    with caplog.at_level(logging.DEBUG), pytest.raises(PortDown):
        await world.who(token())
    world.provider.down = False
    world.clock.time += REFRESH
    for one in (token(aud="other"), token(RSA, "PS256"), "tg_12345678_secret", "junk"):
        with caplog.at_level(logging.DEBUG):
            assert one not in repr(await world.who(one))
        assert one not in caplog.text


async def test_without_an_issuer_only_keys_are_accepted(world: World) -> None:
    identity = world.restarted(jwt=False)
    who = await identity.authenticate(f"Bearer {token()}")
    assert error_of(who) == "invalid_token"
    assert isinstance(who, Unauthenticated)
    assert identity.challenge(who, "/mcp") == b'Bearer realm="toolgate", error="invalid_token"'
    assert identity.metadata("/mcp") is None


# What clients are told


def test_metadata_stands_between_the_host_and_the_path_of_the_resource() -> None:
    at = "https://a.example/.well-known/oauth-protected-resource"
    assert metadata_url("https://a.example/git/mcp") == f"{at}/git/mcp"
    assert metadata_url("https://a.example/") == at
    assert metadata_url("https://a.example") == at


def test_metadata_names_the_resource_and_its_issuers() -> None:
    assert metadata("https://a.example/mcp", ["https://idp.example"], ["reader"]) == {
        "resource": "https://a.example/mcp",
        "authorization_servers": ["https://idp.example"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["reader"],
    }


def test_the_challenge_of_a_401_points_to_the_metadata_of_the_resource(world: World) -> None:
    who = Unauthenticated("", "invalid_token")
    assert world.identity.challenge(who, "/git/mcp").decode() == (
        'Bearer realm="toolgate", error="invalid_token",'
        ' resource_metadata="https://tools.example.com/.well-known/oauth-protected-resource/git/mcp"'
    )
    assert world.identity.metadata("/git/mcp") == {
        "resource": "https://tools.example.com/git/mcp",
        "authorization_servers": [ISSUER.issuer],
        "bearer_methods_supported": ["header"],
    }


def test_a_client_that_presented_nothing_gets_no_error_code() -> None:
    assert unauthorized() == 'Bearer realm="toolgate"'


def test_the_challenge_of_a_403_names_the_scopes(world: World) -> None:
    assert forbidden(["git:write", "git:read"]) == (
        'Bearer realm="toolgate", error="insufficient_scope", scope="git:write git:read"'
    )
    assert world.identity.forbidden(["x"], "/mcp").startswith(
        b'Bearer realm="toolgate", error="insufficient_scope"'
    )


def test_a_strange_path_cannot_break_out_of_the_challenge(world: World) -> None:
    header = world.identity.challenge(Unauthenticated("", ""), '/"\r\nSet-Cookie: x="ü/mcp')
    assert header.count(b'"') == 4
    assert b"\n" not in header
