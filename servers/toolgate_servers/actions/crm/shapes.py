"""What the CRM tools take and give, as their schemas."""

from typing import Annotated, Literal

from pydantic import Field

from toolgate_servers.actions.addresses import MAX_ADDRESS
from toolgate_servers.actions.crm.contact import MAX_EACH, MAX_LINE, MAX_NOTE
from toolgate_servers.strict import Arguments, Outcome, Write, Written

ContactId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$",
        description="The id of a contact, from crm_search_contacts.",
    ),
]
Etag = Annotated[
    str,
    Field(
        min_length=3,
        max_length=210,
        pattern=r'^(W/)?"[!#-~]+"$',
        description="The version of the contact, with its quotation marks.",
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=MAX_LINE, description="Full name, on one line.")]
Email = Annotated[str, Field(min_length=3, max_length=MAX_ADDRESS, json_schema_extra={"format": "email"})]
Emails = Annotated[
    list[Email], Field(max_length=MAX_EACH, description="Plain addresses, without display names.")
]
Phone = Annotated[str, Field(min_length=3, max_length=40, pattern=r"^\+?[0-9][0-9 ()./-]+$")]
Phones = Annotated[list[Phone], Field(max_length=MAX_EACH, description="Numbers such as +49 30 123456.")]
Organization = Annotated[str, Field(max_length=MAX_LINE, description="Company or group, on one line.")]
Title = Annotated[str, Field(max_length=MAX_LINE, description="What the person is there, on one line.")]
Note = Annotated[str, Field(max_length=MAX_NOTE, description="Anything else, as plain text.")]
Kind = Annotated[
    Literal["call", "meeting", "mail", "note", "task"], Field(description="What kind of activity it was.")
]
Time = Annotated[str, Field(description="ISO 8601, UTC.", json_schema_extra={"format": "date-time"})]


class SearchContacts(Arguments):
    """What `crm_search_contacts` takes."""

    query: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            description="Part of a name, address, number, organization or note; null for any contact.",
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=100, description="How many contacts to give at most.")] = 20


class ContactFields(Outcome):
    """What is known of a contact."""

    name: str
    emails: list[str]
    phones: list[str]
    organization: str
    title: str
    note: str


class ContactItem(ContactFields):
    """A contact."""

    id: ContactId
    etag: Annotated[str, Field(description="What crm_update_contact and crm_delete_contact take.")]


class ContactList(Outcome):
    """What `crm_search_contacts` gives."""

    contacts: Annotated[list[ContactItem], Field(description="By name.")]


class ReadContact(Arguments):
    """What `crm_read_contact` takes."""

    contact_id: ContactId


class CreateContact(Write):
    """What `crm_create_contact` takes."""

    name: Name
    emails: Annotated[Emails, Field(default_factory=list)]
    phones: Annotated[Phones, Field(default_factory=list)]
    organization: Organization = ""
    title: Title = ""
    note: Note = ""


class ContactWritten(Written):
    """What `crm_create_contact` gives; contact.id and contact.etag are what crm_delete_contact takes."""

    contact: ContactItem


class UpdateContact(Write):
    """What `crm_update_contact` takes."""

    contact_id: ContactId
    etag: Etag
    name: Annotated[Name | None, Field(description="The new name; null to leave it.")] = None
    emails: Annotated[Emails | None, Field(description="All addresses from now on; null to leave them.")] = (
        None
    )
    phones: Annotated[Phones | None, Field(description="All numbers from now on; null to leave them.")] = None
    organization: Annotated[
        Organization | None, Field(description="The new one; empty to remove, null to leave it.")
    ] = None
    title: Annotated[Title | None, Field(description="The new one; empty to remove, null to leave it.")] = (
        None
    )
    note: Annotated[Note | None, Field(description="The new one; empty to remove, null to leave it.")] = None


class ContactUpdated(Written):
    """What `crm_update_contact` gives; before is what an update takes to undo it."""

    contact: ContactItem
    before: ContactFields


class DeleteContact(Write):
    """What `crm_delete_contact` takes."""

    contact_id: ContactId
    etag: Etag


class ContactDeleted(Written):
    """What `crm_delete_contact` gives; before is what crm_create_contact takes to make it again."""

    contact_id: ContactId
    status: Literal["deleted"]
    before: ContactFields


class LogActivity(Write):
    """What `crm_log_activity` takes."""

    contact_id: ContactId
    kind: Kind
    text: Annotated[str, Field(min_length=1, max_length=MAX_NOTE, description="What happened, plain text.")]
    day: Annotated[
        str | None,
        Field(
            min_length=10,
            max_length=10,
            pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            description="When it happened, such as 2026-03-31; null for today.",
            json_schema_extra={"format": "date"},
        ),
    ] = None


class ActivityLogged(Written):
    """What `crm_log_activity` gives."""

    activity_id: str
    contact_id: ContactId
    day: str
    at: Time


class ListActivities(Arguments):
    """What `crm_list_activities` takes."""

    contact_id: ContactId
    cursor: Annotated[
        int | None, Field(ge=1, le=2**53, description="next_cursor of the page before; null for the first.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=100, description="How many activities to give at most.")] = 20


class ActivityItem(Outcome):
    """One activity."""

    id: str
    kind: Kind
    day: str
    text: str
    at: Time


class ActivityList(Outcome):
    """What `crm_list_activities` gives."""

    activities: Annotated[list[ActivityItem], Field(description="Newest first.")]
    next_cursor: Annotated[int | None, Field(description="The cursor of the next page; null at the end.")]
