"""The part `notify` of the settings file: who is told that calls wait for a decision."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from toolgate.approvals.places import EVENTS, SHORT, EventName, Notify, SlackPlace, WebhookPlace
from toolgate.approvals.reaching import Unreachable, target_of
from toolgate.secrets import references
from toolgate.settings.fields import Strict, Word


def _secret(text: str) -> str:
    if not text.startswith("secret:") or references.mistake(text) or len(references.parts(text)) != 3:
        raise ValueError("secret:env:NAME, secret:file:PATH or secret:vault:MOUNT/PATH#KEY")
    return text


def _address(text: str) -> str:
    """A URL, or a reference to one: for many receivers the URL is the secret."""
    if text.startswith("secret:"):
        return _secret(text)
    try:
        target_of(text, private=True)
    except Unreachable:
        raise ValueError("https://… without credentials, or a secret: reference to that") from None
    return text


Url = Annotated[str, AfterValidator(_address)]
Events = Annotated[list[EventName], Field(min_length=1)]


class _Place(Strict):
    url: Url
    allow_private: bool = False

    @model_validator(mode="after")
    def _encrypted(self) -> _Place:
        if self.url.startswith("http://") and not self.allow_private:
            raise ValueError("found http:// without allow_private: true, expected https://")
        return self


class WebhookFile(_Place):
    """A receiver of signed messages, which may answer with signed decisions where it has an approver."""

    secret: Annotated[str, AfterValidator(_secret)]
    events: Events = Field(default_factory=lambda: list(EVENTS))
    approver: Word | None = None


class SlackFile(_Place):
    """An incoming webhook of Slack, Mattermost, Discord (ending in /slack) or what takes the same JSON."""

    events: Events = Field(default_factory=lambda: list(SHORT))
    links_decide: bool = False
    approver: Word | None = None

    @model_validator(mode="after")
    def _named(self) -> SlackFile:
        if self.links_decide is not (self.approver is not None):
            raise ValueError("found one of links_decide and approver, expected both or neither")
        return self


class NotifyFile(Strict):
    """Who is told, besides the console and the terminal."""

    webhooks: list[WebhookFile] = Field(default_factory=list[WebhookFile], max_length=20)
    slack: list[SlackFile] = Field(default_factory=list[SlackFile], max_length=20)
    desktop: Literal["auto", "never"] = "auto"
    attempts: Annotated[int, Field(ge=1, le=50)] = 10


def notify(file: NotifyFile) -> Notify:
    """What the part says, as plain values."""
    return Notify(
        webhooks=tuple(
            WebhookPlace(one.url, one.secret, tuple(one.events), one.allow_private, one.approver or "")
            for one in file.webhooks
        ),
        slack=tuple(
            SlackPlace(one.url, tuple(one.events), one.allow_private, one.approver or "")
            for one in file.slack
        ),
        desktop=file.desktop == "auto",
        attempts=file.attempts,
    )
