"""Two servers and a mailer behind one endpoint, with names that both have and lists seen in part."""

from __future__ import annotations

from toolgate.core.model import JsonObject
from toolgate.testing import Upstream, World, caller, definition

POLICY = """
version: 1
tiers: {read: ["crm/*", "docs/*"], irreversible: [mail/send]}
roles:
  agent:
    tools: ["crm/*", "docs/*", "mail/*"]
    prompts: ["*/*"]
    resources: ["crm/*", "docs/file:///public/**", "docs/shared:///**"]
    servers_may: [elicit]
  reader: {tools: ["docs/*"]}
redaction: {results: {secrets: refuse, EMAIL_ADDRESS: mask}}
"""
SENSITIVE = {"hunter2": "SECRET", "bob@example.com": "EMAIL_ADDRESS"}
ANN = caller("ann", "agent")


def crm_and_docs() -> World:
    """The upstreams `crm` and `docs`, and `mail`, whose tool waits for a person."""
    offers: JsonObject = {"tools": {"listChanged": True}, "logging": {}, "experimental": {"x": {}}}
    greeting = {"prompts": [{"name": "greet"}], "resources": [{"uri": "crm:///1"}, {"uri": "shared:///x"}]}
    crm = Upstream("crm", [definition("find", name="string")], lists=greeting, capabilities=offers)
    files = {
        "resources": [{"uri": "file:///public/a"}, {"uri": "file:///private/a"}, {"uri": "shared:///x"}],
        "resourceTemplates": [{"uriTemplate": "file:///public/notes/{name}"}],
    }
    docs = Upstream("docs", [definition("find", name="string"), definition("a__b")], lists=files)
    return World(POLICY, crm, docs, Upstream("mail", [definition("send")]), sensitive=SENSITIVE)
