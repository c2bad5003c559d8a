"""Vectors of texts from an OpenAI-compatible endpoint: POST URL/embeddings with a model and texts."""

import math
from array import array
from collections.abc import Sequence
from typing import Any, Protocol, cast

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import Net, bad_answer
from toolgate_servers.running import Run

AT_ONCE = 64
MAX_CHARACTERS = 6000
MAX_DIMENSIONS = 8192
SECONDS = 20.0


class Embeds(Protocol):
    """What turns texts into vectors of length 1."""

    model: str

    def vectors(self, texts: Sequence[str], run: Run | None = None) -> list["array[float]"]:
        """Give the vector of each text."""
        ...


class Endpoint:
    """An endpoint such as http://127.0.0.1:11434/v1, with a key if it wants one."""

    def __init__(self, url: str, model: str, key: str | None = None, net: Net | None = None) -> None:
        self.model = model
        self._url = f"{url.rstrip('/')}/embeddings"
        self._net = net or Net.for_service(url)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def vectors(self, texts: Sequence[str], run: Run | None = None) -> list["array[float]"]:
        """Give the vector of each text, of length 1.

        Raises:
            Refused: UNREACHABLE, TIMED_OUT, ACCESS_DENIED or BAD_ANSWER.
        """
        answer = self._net.fetch(
            "POST",
            self._url,
            headers=self._headers,
            json={"model": self.model, "input": [text[:MAX_CHARACTERS] for text in texts]},
            content_types=("application/json",),
            max_bytes=100_000_000,
            seconds=SECONDS,
            run=run,
        )
        if answer.status in (401, 403):
            raise Refused(
                Reason.ACCESS_DENIED,
                "the embeddings endpoint",
                found="a key that it does not accept",
                expected="another one in the settings",
            )
        if answer.status != 200:
            raise bad_answer(f"status {answer.status} from the embeddings endpoint", "200")
        return _read(answer.json(), len(texts))


def unit(vector: Sequence[float]) -> "array[float]":
    """Give the vector of the same direction and length 1."""
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return array("f", (value / length for value in vector))


def _read(answer: Any, expected: int) -> list["array[float]"]:
    try:
        items = sorted(cast("list[dict[str, Any]]", answer["data"]), key=lambda item: item["index"])
        found = [unit([float(value) for value in item["embedding"]]) for item in items]
    except (KeyError, TypeError, ValueError):
        raise bad_answer("no list of embeddings", "one as OpenAI documents it") from None
    sizes = {len(vector) for vector in found}
    if len(found) != expected or len(sizes) != 1 or not 0 < sizes.pop() <= MAX_DIMENSIONS:
        raise bad_answer("vectors of another number or size", "one for each text, all of one size")
    return found
