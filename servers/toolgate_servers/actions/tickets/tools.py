"""The ticket tools: what each one does."""

from toolgate_servers.actions.plaintext import check_line, check_text
from toolgate_servers.actions.tickets.shapes import (
    Assign,
    Assigned,
    Close,
    Closed,
    CommentItem,
    Create,
    Created,
    Get,
    Said,
    Say,
    Search,
    TicketItem,
    TicketList,
    TicketText,
    Update,
    Updated,
)
from toolgate_servers.actions.tickets.ticket import MAX_BODY, MAX_LABEL, MAX_TITLE, Change, Tickets, Wanted
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import stable_id
from toolgate_servers.running import Run


def search(tickets: Tickets, arguments: Search, run: Run) -> TicketList:
    """List tickets."""
    if arguments.query.strip():
        check_line("query", arguments.query, 200)
    if arguments.label is not None:
        check_line("label", arguments.label, MAX_LABEL)
    page = arguments.cursor or 1
    found = tickets.search(
        Wanted(
            tuple(arguments.query.split()),
            arguments.state,
            arguments.assignee,
            arguments.label,
            page,
            arguments.limit,
        ),
        run,
    )
    items = [
        TicketItem(
            number=one.number,
            title=one.title,
            state=one.state,
            labels=list(one.labels),
            assignees=list(one.assignees),
            author=one.author,
            updated_at=one.updated_at,
            comments=one.comments,
        )
        for one in found.tickets
    ]
    return TicketList(tickets=items, next_cursor=page + 1 if found.more else None)


def get(tickets: Tickets, arguments: Get, run: Run) -> TicketText:
    """Give one ticket with what was said about it."""
    ticket = tickets.get(arguments.number, run)
    page = arguments.cursor or 1
    comments, more = tickets.comments(arguments.number, page, arguments.limit, run)
    return TicketText(
        number=ticket.number,
        title=ticket.title,
        body=ticket.body,
        state=ticket.state,
        why=ticket.why,
        labels=list(ticket.labels),
        assignees=list(ticket.assignees),
        author=ticket.author,
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        url=ticket.url,
        comments=[CommentItem(id=one.id, author=one.author, at=one.at, body=one.body) for one in comments],
        next_cursor=page + 1 if more else None,
    )


def create(tickets: Tickets, arguments: Create, run: Run) -> Created:
    """Make a ticket."""
    check_line("title", arguments.title, MAX_TITLE)
    check_text("body", arguments.body, MAX_BODY)
    _check_labels(arguments.labels)
    made = tickets.create(
        stable_id("ticket_create", run.idempotency_key),
        arguments.title,
        arguments.body,
        tuple(arguments.labels),
        tuple(arguments.assignees),
        run,
    )
    return Created(
        number=made.number,
        url=made.url,
        labels=list(made.labels),
        assignees=list(made.assignees),
        created_at=made.created_at,
    )


def update(tickets: Tickets, arguments: Update, run: Run) -> Updated:
    """Change title, text or labels, or open again."""
    if all(value is None for value in (arguments.title, arguments.body, arguments.labels, arguments.state)):
        raise Refused(
            Reason.ARGUMENT_NOT_VALID,
            "arguments",
            found="nothing to change",
            expected="title, body, labels or state",
        )
    if arguments.title is not None:
        check_line("title", arguments.title, MAX_TITLE)
    if arguments.body is not None:
        check_text("body", arguments.body, MAX_BODY)
    _check_labels(arguments.labels or ())
    change = Change(
        title=arguments.title,
        body=arguments.body,
        labels=None if arguments.labels is None else tuple(arguments.labels),
        state=arguments.state,
        why=(arguments.why or "completed") if arguments.state == "closed" else None,
    )
    before, after = tickets.change(
        stable_id("ticket_update", run.idempotency_key), arguments.number, change, run
    )
    return Updated(
        number=after.number,
        updated_at=after.updated_at,
        former_title=None if arguments.title is None else before.title,
        former_body=None if arguments.body is None else before.body,
        former_labels=None if arguments.labels is None else list(before.labels),
        former_state=None if arguments.state is None else before.state,
        former_why=None if arguments.state is None else before.why,
    )


def assign(tickets: Tickets, arguments: Assign, run: Run) -> Assigned:
    """Say who is to do it."""
    action = stable_id("ticket_assign", run.idempotency_key)
    change = Change(assignees=tuple(arguments.assignees))
    before, after = tickets.change(action, arguments.number, change, run)
    known = {name.lower() for name in after.assignees}
    return Assigned(
        number=after.number,
        assignees=list(after.assignees),
        former_assignees=list(before.assignees),
        ignored=[name for name in arguments.assignees if name.lower() not in known],
    )


def comment(tickets: Tickets, arguments: Say, run: Run) -> Said:
    """Say something about a ticket."""
    check_text("body", arguments.body, MAX_BODY)
    action = stable_id("ticket_comment", run.idempotency_key)
    made = tickets.comment(action, arguments.number, arguments.body, run)
    return Said(number=arguments.number, comment_id=made.id, at=made.at)


def close(tickets: Tickets, arguments: Close, run: Run) -> Closed:
    """Close a ticket."""
    action = stable_id("ticket_close", run.idempotency_key)
    change = Change(state="closed", why=arguments.why)
    before, after = tickets.change(action, arguments.number, change, run)
    return Closed(
        number=after.number,
        state=after.state,
        former_state=before.state,
        former_why=before.why,
        updated_at=after.updated_at,
    )


def _check_labels(labels: list[str] | tuple[str, ...]) -> None:
    for number, label in enumerate(labels):
        check_line(f"labels.{number}", label, MAX_LABEL)
