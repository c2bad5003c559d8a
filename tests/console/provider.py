"""A stand-in of an OpenID provider: authorization code with PKCE, told by what it is asked."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ISSUER = "https://idp.example.com"
CLIENT = "console"
SECRET = "s3cret"


@dataclass
class StandIn:
    """Answers like a provider. `claims` go into every token; `nonce` replaces the right one."""

    now: Any
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "carol", "roles": ["lead"]})
    nonce: str = ""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    posted: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])

    def fetch(self, url: str) -> bytes:
        """What a GET finds."""
        if url == f"{ISSUER}/.well-known/openid-configuration":
            places = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
            return json.dumps({"issuer": ISSUER, **{k: f"{ISSUER}/{v}" for k, v in places.items()}}).encode()
        if url == f"{ISSUER}/keys":
            public = ECAlgorithm(ECAlgorithm.SHA256).to_jwk(self.key.public_key(), as_dict=True)
            return json.dumps({"keys": [{**public, "kid": "k1", "alg": "ES256", "use": "sig"}]}).encode()
        raise OSError(f"nothing at {url}")

    def visit(self, url: str) -> dict[str, str]:
        """Somebody signs in there; what the browser is sent back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["client_id"] == CLIENT
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return {"state": asked["state"], "code": code, "iss": ISSUER}

    def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
        """The token endpoint."""
        self.posted.append(form)
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        known = f"Basic {base64.b64encode(f'{CLIENT}:{SECRET}'.encode()).decode()}"
        if url != f"{ISSUER}/token" or asked is None or headers.get("Authorization") != known:
            raise OSError("found status 400")
        if asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            raise OSError("found status 400")
        now = self.now()
        times = {"iat": now, "exp": now + 300, "nonce": self.nonce or asked["nonce"]}
        claims = {"iss": ISSUER, "aud": CLIENT, **times, **self.claims}
        token = jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": "k1"})
        return json.dumps({"id_token": token, "token_type": "Bearer"}).encode()
