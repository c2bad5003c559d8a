"""Credentials: token formats that their makers document, and values that a name says are secret."""

from __future__ import annotations

from typing import Final

from toolgate.detect.apart import APART
from toolgate.detect.commands import COMMANDS
from toolgate.detect.named import NAMED
from toolgate.detect.tokens import TOKENS

SECRETS: Final = (*TOKENS, *NAMED, *APART, *COMMANDS)
