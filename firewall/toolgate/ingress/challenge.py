"""What we tell a client whose token is missing, wrong or too weak. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def metadata_url(resource: str) -> str:
    """Where the metadata of a resource stands.

    RFC 9728 section 3.1: the well-known part goes between the host and the path of the resource.
    """
    parts = urlsplit(resource)
    return urlunsplit((parts.scheme, parts.netloc, WELL_KNOWN + parts.path.rstrip("/"), "", ""))


def metadata(resource: str, issuers: Sequence[str], scopes: Sequence[str] = ()) -> dict[str, Any]:
    """The protected resource metadata of RFC 9728 section 2; tokens are taken from the header only."""
    document: dict[str, Any] = {
        "resource": resource,
        "authorization_servers": list(issuers),
        "bearer_methods_supported": ["header"],
    }
    if scopes:
        document["scopes_supported"] = list(scopes)
    return document


def unauthorized(error: str = "", metadata_at: str = "", scopes: Sequence[str] = ()) -> str:
    """The `WWW-Authenticate` of a 401.

    RFC 6750 section 3.1: no error code for a client that presented nothing. `metadata_at` is empty where
    only API keys are accepted, for there is no authorization server to discover then.
    """
    return _challenge(error, metadata_at, scopes)


def forbidden(scopes: Sequence[str], metadata_at: str = "") -> str:
    """The `WWW-Authenticate` of a 403: the scopes that this very request needs (MCP authorization)."""
    return _challenge("insufficient_scope", metadata_at, scopes)


def _challenge(error: str, metadata_at: str, scopes: Sequence[str]) -> str:
    named = (("error", error), ("scope", " ".join(scopes)), ("resource_metadata", metadata_at))
    return ", ".join(
        ['Bearer realm="toolgate"', *(f'{name}="{_quotable(text)}"' for name, text in named if text)]
    )


def _quotable(text: str) -> str:
    """The characters that RFC 6750 allows between quotation marks."""
    return "".join(letter for letter in text if " " <= letter <= "~" and letter not in '"\\')
