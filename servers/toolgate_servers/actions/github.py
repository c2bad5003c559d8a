"""The REST API of GitHub, version 2022-11-28: how it is asked, and what its answers mean.

https://docs.github.com/en/rest/using-the-rest-api: getting started, pagination, rate limits, troubleshooting.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from pydantic import Field

from toolgate_servers.actions.jsonparts import items, mapping, text
from toolgate_servers.actions.sending import send_once, unknown
from toolgate_servers.config import Secret, Settings
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import Answer, Net
from toolgate_servers.running import Run

VERSION = "2022-11-28"
NEXT = re.compile(r'<[^>]*>\s*;\s*rel="?next"?')
SECONDS = re.compile(r"[0-9]{1,12}")
FIELD = re.compile(r"[a-z_.]{1,40}")


class GithubSettings(Settings):
    """One repository on GitHub, or on a server that speaks its REST API."""

    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,39}/\.?[A-Za-z0-9_-][A-Za-z0-9._-]{0,98}$")]
    token: Secret
    url: str = "https://api.github.com"
    seconds: Annotated[float, Field(gt=0, le=60)] = 20.0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and whether there is another."""

    content: Any
    more: bool


class GithubApi:
    """Asks one repository's API with a token."""

    def __init__(
        self,
        settings: GithubSettings,
        token: str,
        net: Net | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.repository = settings.repository
        self._url = settings.url.rstrip("/")
        self._seconds = settings.seconds
        self._net = net or Net.for_service(self._url)
        self._clock = clock
        self._headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
            "Authorization": f"Bearer {token}",
        }

    def get(self, path: str, params: Mapping[str, str | int] | None = None, run: Run | None = None) -> Page:
        """Read; the path begins with a slash, and {repo} in it is the repository.

        Raises:
            Refused: NOT_FOUND, ACCESS_DENIED, RATE_LIMITED, REJECTED, BAD_ANSWER, or what Net.fetch raises.
        """
        answer = self._net.fetch(
            "GET",
            self._at(path),
            headers=self._headers,
            params=params,
            seconds=self._seconds,
            redirects=0,
            run=run,
        )
        if answer.status >= 300:
            self._refuse(answer)
        return Page(answer.json(), NEXT.search(answer.headers.get("link", "")) is not None)

    def write(self, method: str, path: str, body: Mapping[str, Any], run: Run | None = None) -> Any:
        """Change something and give what it has become.

        Raises:
            Refused: As get does; and OUTCOME_UNKNOWN when the change may have happened.
        """
        answer = send_once(
            self._net,
            method,
            self._at(path),
            headers=self._headers,
            json=dict(body),
            seconds=self._seconds,
            run=run,
        )
        if answer.status >= 300:
            self._refuse(answer)
        try:
            return answer.json() if answer.body else None
        except Refused:
            raise unknown("an answer that cannot be read") from None

    def _at(self, path: str) -> str:
        return self._url + path.replace("{repo}", f"repos/{self.repository}", 1)

    def _refuse(self, answer: Answer) -> NoReturn:
        """Say what an answer without success means, without repeating its text."""
        status = answer.status
        if status == 429 or (status == 403 and self._is_limit(answer)):
            raise Refused(
                Reason.RATE_LIMITED,
                "GitHub",
                found="no calls left for now",
                expected=f"you to wait {self._wait(answer)} seconds",
            )
        if status in (401, 403):
            raise Refused(
                Reason.ACCESS_DENIED,
                "GitHub",
                found=f"status {status}: the token of the settings does not allow this",
                expected="something that it allows; the operator can change the token",
            )
        if status in (404, 410):
            raise Refused(
                Reason.NOT_FOUND,
                "GitHub",
                found=f"status {status}: nothing there, or hidden from the token",
                expected="an existing number",
            )
        if status in (400, 409, 422):
            raise Refused(
                Reason.REJECTED,
                "GitHub",
                found=f"status {status}{_fields(answer)}",
                expected="values that GitHub accepts",
            )
        raise Refused(
            Reason.BAD_ANSWER, "GitHub", found=f"status {status}", expected="success; try again later"
        )

    def _is_limit(self, answer: Answer) -> bool:
        return answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers

    def _wait(self, answer: Answer) -> int:
        """Seconds to wait, as the limits' page says: retry-after, else x-ratelimit-reset, else a minute."""
        after, reset = answer.headers.get("retry-after", ""), answer.headers.get("x-ratelimit-reset", "")
        if SECONDS.fullmatch(after):
            return int(after)
        if SECONDS.fullmatch(reset):
            return max(1, int(int(reset) - self._clock()) + 1)
        return 60


def _fields(answer: Answer) -> str:
    """Name the fields that an error complains of; they are the API's own words, values are not repeated."""
    try:
        content = answer.json()
    except Refused:
        return ""
    named = [text(mapping(error).get("field")) for error in items(mapping(content).get("errors"))]
    known = sorted({field for field in named if FIELD.fullmatch(field)})
    return f", complaining of {', '.join(known)}" if known else ""
