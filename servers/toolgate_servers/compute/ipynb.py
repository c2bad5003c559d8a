"""Writing cells as a Jupyter notebook: nbformat 4.5."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from toolgate_servers.compute.notebooks import Cell
from toolgate_servers.compute.sandbox.cells import Ran

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook(cells: Sequence[Cell], *, pictures: bool) -> str:
    """Give the text of an .ipynb file."""
    # nbformat 4.5: every cell has an id of 1 to 64 characters of A-Za-z0-9-_
    content: dict[str, Any] = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": METADATA,
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{cell.number}",
                "metadata": {},
                "execution_count": cell.number,
                "source": cell.code.splitlines(keepends=True),
                "outputs": _outputs(cell, pictures=pictures),
            }
            for cell in cells
        ],
    }
    return json.dumps(content, indent=1, ensure_ascii=False)


def _outputs(cell: Cell, *, pictures: bool) -> list[dict[str, Any]]:
    if cell.ran is None:
        return [_error("BrokeOff", cell.broke_off or "")]
    ran: Ran = cell.ran
    outputs: list[dict[str, Any]] = []
    if ran.output:
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(ran.output)})
    if pictures:
        outputs += [
            {"output_type": "display_data", "metadata": {}, "data": {"image/png": _base64(picture)}}
            for picture in ran.pictures
        ]
    if ran.value is not None:
        outputs.append(
            {
                "output_type": "execute_result",
                "execution_count": cell.number,
                "metadata": {},
                "data": {"text/plain": _lines(ran.value)},
            }
        )
    if ran.error is not None:
        outputs.append(_error("Error", ran.error))
    return outputs


def _error(name: str, text: str) -> dict[str, Any]:
    lines = text.strip().splitlines()
    return {
        "output_type": "error",
        "ename": name,
        "evalue": lines[-1] if lines else "",
        "traceback": lines,
    }


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
