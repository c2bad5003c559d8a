"""What the ticket tools take and give, as their schemas."""

from typing import Annotated, Literal

from pydantic import Field

from toolgate_servers.actions.tickets.ticket import (
    LABEL,
    MAX_ASSIGNEES,
    MAX_BODY,
    MAX_LABEL,
    MAX_LABELS,
    MAX_NAME,
    MAX_TITLE,
    NAME,
    State,
    Why,
)
from toolgate_servers.strict import Arguments, Outcome, Write, Written

Number = Annotated[int, Field(ge=1, le=2**31 - 1, description="The number of a ticket, from ticket_search.")]
Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE, description="One line.")]
Text = Annotated[str, Field(min_length=1, max_length=MAX_BODY, description="Plain text or Markdown.")]
Label = Annotated[str, Field(min_length=1, max_length=MAX_LABEL, pattern=LABEL, description="One label.")]
Name = Annotated[
    str, Field(min_length=1, max_length=MAX_NAME, pattern=NAME, description="A user name, without @.")
]
Labels = Annotated[list[Label], Field(max_length=MAX_LABELS, description="The labels.")]
Names = Annotated[list[Name], Field(max_length=MAX_ASSIGNEES, description="Who is to do it, by user names.")]


class Search(Arguments):
    """What `ticket_search` takes."""

    query: Annotated[
        str,
        Field(max_length=200, description="Words that all occur in title or body; empty for every ticket."),
    ] = ""
    state: Annotated[Literal["open", "closed", "any"], Field(description="Of which state.")] = "open"
    assignee: Annotated[Name | None, Field(description="Whom it is assigned to.")] = None
    label: Annotated[Label | None, Field(description="Which label it has.")] = None
    cursor: Annotated[
        int | None, Field(ge=1, le=10_000, description="next_cursor of the page before; null for the first.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=100, description="How many to give at most.")] = 20


class TicketItem(Outcome):
    """One ticket of a list."""

    number: int
    title: str
    state: State
    labels: list[str]
    assignees: list[str]
    author: str
    updated_at: str
    comments: int


class TicketList(Outcome):
    """What `ticket_search` gives."""

    tickets: Annotated[list[TicketItem], Field(description="Newest first.")]
    next_cursor: Annotated[int | None, Field(description="The cursor of the next page; null at the end.")]


class Get(Arguments):
    """What `ticket_get` takes."""

    number: Number
    cursor: Annotated[
        int | None,
        Field(ge=1, le=10_000, description="next_cursor, for the next page of comments; null for the first."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=100, description="How many comments to give at most.")] = 30


class CommentItem(Outcome):
    """One comment."""

    id: int
    author: str
    at: str
    body: str


class TicketText(Outcome):
    """What `ticket_get` gives."""

    number: int
    title: str
    body: str
    state: State
    why: Annotated[Why | None, Field(description="Why it was closed.")]
    labels: list[str]
    assignees: list[str]
    author: str
    created_at: str
    updated_at: str
    url: str
    comments: Annotated[list[CommentItem], Field(description="Oldest first.")]
    next_cursor: Annotated[int | None, Field(description="The cursor of the next page of comments.")]


class Create(Write):
    """What `ticket_create` takes."""

    title: Title
    body: Text
    labels: Labels = Field(default_factory=list[Label])
    assignees: Names = Field(default_factory=list[Name])


class Created(Written):
    """What `ticket_create` gives."""

    number: int
    url: str
    labels: list[str]
    assignees: list[str]
    created_at: str


class Update(Write):
    """What `ticket_update` takes; what is null stays."""

    number: Number
    title: Annotated[Title | None, Field(description="The new title, one line.")] = None
    body: Annotated[Text | None, Field(description="The new text, plain or Markdown.")] = None
    labels: Annotated[Labels | None, Field(description="All its labels, in place of those it has.")] = None
    state: Annotated[State | None, Field(description="open: open a closed one again.")] = None
    why: Annotated[Why | None, Field(description="With state closed: why; null is completed.")] = None


class Updated(Written):
    """What `ticket_update` gives: only what was changed has a former value."""

    number: int
    updated_at: str
    former_title: str | None
    former_body: str | None
    former_labels: list[str] | None
    former_state: State | None
    former_why: Why | None


class Assign(Write):
    """What `ticket_assign` takes."""

    number: Number
    assignees: Annotated[
        Names, Field(description="All who are to do it, in place of those who are; empty for nobody.")
    ]


class Assigned(Written):
    """What `ticket_assign` gives."""

    number: int
    assignees: Annotated[list[str], Field(description="Who it is assigned to now.")]
    former_assignees: list[str]
    ignored: Annotated[list[str], Field(description="Who could not be assigned.")]


class Say(Write):
    """What `ticket_comment` takes."""

    number: Number
    body: Text


class Said(Written):
    """What `ticket_comment` gives."""

    number: int
    comment_id: int
    at: str


class Close(Write):
    """What `ticket_close` takes."""

    number: Number
    why: Annotated[Why, Field(description="completed: it is done. not_planned: it will not be.")] = (
        "completed"
    )


class Closed(Written):
    """What `ticket_close` gives."""

    number: int
    state: State
    former_state: State
    former_why: Why | None
    updated_at: str
