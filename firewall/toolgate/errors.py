"""Everything toolgate raises.

ToolgateError
├── Misuse             the operator's input is wrong: says where, what was found, what was expected
│   ├── SettingsError
│   └── PolicyError
├── PortDown           a part of the world is not there; the call is refused
│   ├── JournalDown
│   └── UpstreamDown
│       ├── CallCancelled
│       ├── Malformed
│       ├── SecretUnavailable
│       │   └── SecretDenied
│       └── UpstreamRefused
│           └── SessionLost
└── SealBroken         something sealed by us came back changed, foreign or expired
"""

from __future__ import annotations


class ToolgateError(Exception):
    """Base of all errors raised on purpose."""


class Misuse(ToolgateError):
    """The operator's input is wrong."""


class SettingsError(Misuse):
    """The settings file or a reference in it is wrong."""


class PolicyError(Misuse):
    """A policy file is wrong; the message starts with file:line."""


class PortDown(ToolgateError):
    """A part of the world is not there."""


class JournalDown(PortDown):
    """No record can be written, so no call is made."""


class UpstreamDown(PortDown):
    """The upstream cannot be reached, died, or does not speak MCP."""


class CallCancelled(UpstreamDown):
    """The client cancelled this call, so nobody waits for an answer."""


class UpstreamRefused(UpstreamDown):
    """The upstream is there and answered with an HTTP error."""


class SessionLost(UpstreamRefused):
    """The upstream does not know the session any more, or never did; the client must initialise again."""


class Malformed(UpstreamDown):
    """The upstream is there and what it sent is not what the protocol expects."""


class SecretUnavailable(UpstreamDown):
    """A value that toolgate needs to reach the upstream cannot be had; the message never shows one."""


class SecretDenied(SecretUnavailable):
    """Vault is there and does not let toolgate have the value."""


class SealBroken(ToolgateError):
    """Something sealed here came back changed, foreign or expired."""
