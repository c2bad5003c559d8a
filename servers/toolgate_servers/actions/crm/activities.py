"""The CRM tools: activities."""

from dataclasses import asdict
from datetime import date

from mcp.server.mcpserver.tools import Tool

from toolgate_servers.actions.crm.contact import MAX_NOTE, Book
from toolgate_servers.actions.crm.shapes import (
    ActivityItem,
    ActivityList,
    ActivityLogged,
    ListActivities,
    LogActivity,
)
from toolgate_servers.actions.crm.store import Activities, Activity
from toolgate_servers.actions.crm.tools import CONTACT
from toolgate_servers.actions.kinds import Kinds
from toolgate_servers.actions.plaintext import check_text
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import Once
from toolgate_servers.running import Run
from toolgate_servers.strict import described, strict_tool


def activity_tools(book: Book, activities: Activities, once: Once, kinds: Kinds) -> list[Tool]:
    """Make the tools over what was done with the contacts of a book."""
    return [_log(book, activities, once, kinds), _list(activities)]


def _log(book: Book, activities: Activities, once: Once, kinds: Kinds) -> Tool:
    def crm_log_activity(arguments: LogActivity, run: Run) -> ActivityLogged:
        check_text("text", arguments.text, MAX_NOTE)
        _check_day(arguments.day)
        book.read(arguments.contact_id, run)  # an activity of nobody would never be found
        kept = activities.log(arguments.contact_id, arguments.kind, arguments.day, arguments.text, run)
        return ActivityLogged(activity_id=kept.id, contact_id=kept.contact, day=kept.day, at=kept.at)

    return strict_tool(
        crm_log_activity,
        name="crm_log_activity",
        takes=LogActivity,
        gives=ActivityLogged,
        title="Log an activity",
        description=described(
            "Note what was done with a contact; notes stay as they are.",
            use="a call, meeting or mail should be remembered",
            not_for="facts about the contact: crm_update_contact keeps those",
            example={"contact_id": CONTACT, "kind": "call", "text": "Wants an offer by Friday."},
        ),
        annotations=kinds.adds,
        once=once,
        repeatable=True,
    )


def _list(activities: Activities) -> Tool:
    def crm_list_activities(arguments: ListActivities) -> ActivityList:
        page, following = activities.page(arguments.contact_id, arguments.cursor, arguments.limit)
        items = [ActivityItem.model_validate(_without_contact(one)) for one in page]
        return ActivityList(activities=items, next_cursor=following)

    return strict_tool(
        crm_list_activities,
        name="crm_list_activities",
        takes=ListActivities,
        gives=ActivityList,
        title="List activities",
        description=described(
            "Give what was done with a contact, newest first, a page at a time.",
            use="you want to know how things stand with somebody",
            not_for="addresses and numbers: crm_read_contact gives those",
            example={"contact_id": CONTACT},
        ),
        annotations=Kinds(remote=False).reads,
    )


def _without_contact(activity: Activity) -> dict[str, str]:
    return {name: value for name, value in asdict(activity).items() if name != "contact"}


def _check_day(day: str | None) -> None:
    try:
        date.fromisoformat(day or "2026-01-01")
    except ValueError:
        raise Refused(
            Reason.BAD_TIME,
            "day",
            found="a day that no calendar has",
            expected="one such as 2026-03-31",
        ) from None
