"""Connections end with the test that opened them."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from wires import leave_all


@pytest.fixture
async def connections() -> AsyncGenerator[None]:
    """Drops what a test left open, whatever came of it."""
    yield
    await leave_all()
