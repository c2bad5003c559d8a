"""A console for each test."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from visits import Place, place


@pytest.fixture
async def here(tmp_path: Path) -> AsyncGenerator[Place]:
    """A console with two approvers."""
    async with place(tmp_path) as found:
        yield found
