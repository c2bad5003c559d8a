"""What every test shares: async tests run on asyncio, without a mark on each."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop that every async test runs on (`anyio_mode = auto` finds the tests)."""
    return "asyncio"
