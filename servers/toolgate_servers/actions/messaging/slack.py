"""Slack's Web API: https://docs.slack.dev/reference/methods and .../apis/web-api/rate-limits.

slack_sdk writes the requests and reads the answers; the bytes go through Net, because slack_sdk on its own
follows redirects with the token, uses the proxies of the environment and reads answers of any length.
"""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from toolgate_servers.actions.jsonparts import items, mapping, text
from toolgate_servers.actions.messaging.board import (
    Channel,
    Message,
    Post,
    Wanted,
    no_such_channel,
    no_such_message,
)
from toolgate_servers.actions.messaging.settings import SlackSettings
from toolgate_servers.actions.plaintext import one_line, plain
from toolgate_servers.actions.sending import send_once, unknown
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import Net, bad_answer
from toolgate_servers.running import Run

MAX_ANSWER = 2_000_000
WRITING = ("/chat.postMessage", "/chat.delete")
SECONDS = re.compile(r"[0-9]{1,6}")
TIMESTAMP = re.compile(r"([0-9]{1,11})\.[0-9]{1,6}")
CHANNEL = re.compile(r"[CDG][A-Z0-9]{1,79}")

# What the error of an answer with ok: false means; https://docs.slack.dev/reference/methods/chat.postMessage#errors
DENIED = frozenset(
    "access_denied account_inactive ekm_access_denied enterprise_is_restricted invalid_auth missing_scope "
    "no_permission not_allowed_token_type not_authed org_login_required team_access_not_granted "
    "token_expired token_revoked two_factor_setup_required restricted_action not_in_channel is_archived "
    "restricted_action_read_only_channel restricted_action_thread_locked "
    "restricted_action_non_threadable_channel "
    "cant_delete_message compliance_exports_prevent_deletion".split()
)
NO_CHANNEL = frozenset({"channel_not_found", "channel_is_limited_access"})
NO_MESSAGE = frozenset({"message_not_found", "thread_not_found", "cannot_reply_to_message"})
LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded", "team_quota_exceeded"})
# Slack says of these that the request may have been done in part.
PARTLY = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})


class Through(WebClient):
    """slack_sdk's client, whose requests go through Net."""

    def __init__(self, net: Net, settings: SlackSettings, token: str, run: Run) -> None:
        parent: Any = super()  # its types are partial
        parent.__init__(token, base_url=settings.url, logger=_silent(), retry_handlers=[])
        self.proxy = None
        self._net = net
        self._seconds = settings.seconds
        self._run = run

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        """Send what slack_sdk has written; https://docs.slack.dev/tools/python-slack-sdk."""
        content = req.data if isinstance(req.data, bytes) else None
        sent: dict[str, Any] = {
            "headers": {name: str(value) for name, value in req.header_items()},
            "content": content,
            "max_bytes": MAX_ANSWER,
            "seconds": self._seconds,
            "run": self._run,
        }
        if url.endswith(WRITING):
            answer = send_once(self._net, "POST", url, **sent)
        else:
            answer = self._net.fetch("POST", url, redirects=0, **sent)
        return {"status": answer.status, "headers": dict(answer.headers), "body": answer.text()}


class SlackBoard:
    """The channels of one workspace that the token reaches."""

    def __init__(
        self, settings: SlackSettings, token: str, channels: tuple[str, ...] = (), net: Net | None = None
    ) -> None:
        url = settings.url if settings.url.endswith("/") else f"{settings.url}/"
        self._settings = settings.model_copy(update={"url": url})
        self._token = token
        self._channels = channels
        self._net = net or Net.for_service(url)
        self.deletes = True
        self.about = f"Slack at {url}"

    def channels(self, cursor: str | None, limit: int, run: Run) -> tuple[list[Channel], str | None]:
        """Give a page of channels; those that the settings do not allow are left out.

        Raises:
            Refused: As every method here: ACCESS_DENIED, NOT_FOUND, RATE_LIMITED, REJECTED, BAD_ANSWER or
                what Net.fetch raises; for what writes, OUTCOME_UNKNOWN.
        """
        answer = self._ask(
            run,
            lambda slack: slack.conversations_list(
                cursor=cursor, limit=limit, exclude_archived=True, types="public_channel,private_channel"
            ),
        )
        found = [mapping(one) for one in items(answer.get("channels"))[:limit]]
        page = [
            Channel(
                text(one.get("id")),
                one_line(text(one.get("name")), 80),
                one_line(text(mapping(one.get("topic")).get("value")), 250),
            )
            for one in found
            if CHANNEL.fullmatch(text(one.get("id")))
            and (not self._channels or one.get("id") in self._channels)
        ]
        following = text(mapping(answer.get("response_metadata")).get("next_cursor"))[:512]
        return page, following or None

    def search(self, wanted: Wanted, run: Run) -> list[Message]:
        """Search with search.messages, which wants a user token, or read a channel or a thread."""
        if wanted.query is not None:
            return self._searched(wanted.query, wanted, run)
        channel, thread = wanted.channel or "", wanted.thread
        if thread is not None:
            answer = self._ask(
                run, lambda slack: slack.conversations_replies(channel=channel, ts=thread, limit=wanted.limit)
            )
        else:
            answer = self._ask(
                run, lambda slack: slack.conversations_history(channel=channel, limit=wanted.limit)
            )
        found = [_message(mapping(one), channel) for one in items(answer.get("messages"))]
        return sorted((one for one in found if one), key=lambda one: one.id, reverse=True)[: wanted.limit]

    def post(self, post: Post, run: Run) -> Message:
        """Post a text in which nothing is markup, without previews of what it links to."""
        told = " ".join((*(f"<@{person}>" for person in post.mentions), escaped(post.text)))
        answer = self._ask(
            run,
            lambda slack: slack.chat_postMessage(
                channel=post.channel,
                text=told,
                thread_ts=post.thread,
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            ),
            writes=True,
        )
        posted = {**mapping(answer.get("message")), "ts": answer.get("ts")}
        message = _message(posted, post.channel)
        if message is None:
            raise unknown("an answer without the message")
        return message

    def delete(self, channel: str, message_id: str, run: Run) -> None:
        """Take back a message that this token posted."""
        self._ask(run, lambda slack: slack.chat_delete(channel=channel, ts=message_id), writes=True)

    def _searched(self, query: str, wanted: Wanted, run: Run) -> list[Message]:
        answer = self._ask(
            run,
            lambda slack: slack.search_messages(query=query, count=100, sort="timestamp", sort_dir="desc"),
        )
        found: list[Message] = []
        for one in items(mapping(answer.get("messages")).get("matches")):
            channel = text(mapping(mapping(one).get("channel")).get("id"))
            message = _message(mapping(one), channel)
            if message is None or (self._channels and channel not in self._channels):
                continue
            if wanted.channel in (None, channel) and wanted.thread in (None, message.id, message.thread):
                found.append(message)
        return found[: wanted.limit]

    def _ask(self, run: Run, ask: Callable[[Any], Any], *, writes: bool = False) -> dict[str, Any]:
        try:
            return mapping(ask(Through(self._net, self._settings, self._token, run)).data)
        except SlackApiError as error:
            _refuse(error, writes=writes)
        except (SlackClientError, UnicodeError, RecursionError):
            pass
        except (AttributeError, TypeError, ValueError):
            pass  # slack_sdk takes an answer for an object and looks into it
        if writes:
            raise unknown("an answer that is not Slack's") from None
        raise bad_answer("something that is not Slack's", "an answer of the Slack Web API") from None


def escaped(message: str) -> str:
    """Take the meaning from <, > and &: https://docs.slack.dev/messaging/formatting-message-text#escaping."""
    return message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(message: str) -> str:
    """Give the text that was escaped."""
    return message.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _message(found: dict[str, Any], channel: str) -> Message | None:
    stamp = TIMESTAMP.fullmatch(text(found.get("ts")))
    if stamp is None or CHANNEL.fullmatch(channel) is None:
        return None
    thread = text(found.get("thread_ts"))
    author = text(found.get("user")) or text(found.get("username")) or text(found.get("bot_id"))
    return Message(
        stamp[0],
        channel,
        one_line(author, 80),
        plain(unescaped(text(found.get("text"))), 40_000),
        datetime.fromtimestamp(int(stamp[1]), UTC).isoformat(),
        thread if TIMESTAMP.fullmatch(thread) and thread != stamp[0] else None,
    )


def _refuse(error: SlackApiError, *, writes: bool) -> NoReturn:
    """Say what an answer without success means, without repeating its text."""
    response: Any = error.response
    status, code = response.status_code, text(mapping(response.data).get("error"))
    if status == 429 or code in LIMITED:
        after = text({name.lower(): value for name, value in response.headers.items()}.get("retry-after"))
        seconds = int(after) if SECONDS.fullmatch(after) else 60
        raise Refused(
            Reason.RATE_LIMITED,
            "Slack",
            found="no calls left for now",
            expected=f"you to wait {seconds} seconds",
        )
    if code in NO_CHANNEL:
        raise no_such_channel()
    if code in NO_MESSAGE:
        raise no_such_message()
    if code in DENIED or status in (401, 403):
        raise Refused(
            Reason.ACCESS_DENIED,
            "Slack",
            found="a channel, message or method that the token of the settings does not reach",
            expected="something that it reaches; the operator can change the token or invite the app",
        )
    if writes and (code in PARTLY or not re.fullmatch(r"[a-z_]{1,60}", code)):
        raise unknown("an answer that does not say whether it happened")
    if status == 200 and re.fullmatch(r"[a-z_]{1,60}", code):
        raise Refused(
            Reason.REJECTED, "Slack", found="arguments that Slack does not accept", expected="other ones"
        )
    raise bad_answer("no success", "an answer of the Slack Web API; try again later")


def _silent() -> logging.Logger:
    """A logger that says nothing: slack_sdk would log what a server answers."""
    logger = logging.getLogger("toolgate_servers.slack")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
