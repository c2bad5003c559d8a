"""The CRM tools: contacts."""

from dataclasses import asdict
from typing import Any

from mcp.server.mcpserver.tools import Tool

from toolgate_servers.actions.crm.contact import Book, Contact, Fields, check_fields
from toolgate_servers.actions.crm.shapes import (
    ContactDeleted,
    ContactFields,
    ContactItem,
    ContactList,
    ContactUpdated,
    ContactWritten,
    CreateContact,
    DeleteContact,
    ReadContact,
    SearchContacts,
    UpdateContact,
)
from toolgate_servers.actions.kinds import Kinds
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import Once
from toolgate_servers.running import Run
from toolgate_servers.strict import described, strict_tool

CONTACT, ETAG = "00000000000000a1", '"1"'
FIELDS = ("name", "emails", "phones", "organization", "title", "note")


def contact_tools(book: Book, once: Once, kinds: Kinds) -> list[Tool]:
    """Make the tools over an address book."""
    return [
        _search(book, kinds),
        _read(book, kinds),
        _create(book, once, kinds),
        _update(book, once, kinds),
        _delete(book, once, kinds),
    ]


def _search(book: Book, kinds: Kinds) -> Tool:
    def crm_search_contacts(arguments: SearchContacts, run: Run) -> ContactList:
        found = book.search(arguments.query, arguments.limit, run)
        return ContactList(contacts=[_item(contact) for contact in found])

    return strict_tool(
        crm_search_contacts,
        name="crm_search_contacts",
        takes=SearchContacts,
        gives=ContactList,
        title="Search contacts",
        description=described(
            "Find people and companies by a part of what is known of them.",
            use="you need an address or a number, or the id of a contact",
            not_for="what was done with a contact: crm_list_activities gives that",
            example={"query": "example.com"},
        ),
        annotations=kinds.reads,
    )


def _read(book: Book, kinds: Kinds) -> Tool:
    def crm_read_contact(arguments: ReadContact, run: Run) -> ContactItem:
        return _item(book.read(arguments.contact_id, run))

    return strict_tool(
        crm_read_contact,
        name="crm_read_contact",
        takes=ReadContact,
        gives=ContactItem,
        title="Read a contact",
        description=described(
            "Give one contact as it is now, with the etag that a change of it takes.",
            use="you are about to change a contact, or have only its id",
            not_for="finding a contact: crm_search_contacts does that",
            example={"contact_id": CONTACT},
        ),
        annotations=kinds.reads,
    )


def _create(book: Book, once: Once, kinds: Kinds) -> Tool:
    def crm_create_contact(arguments: CreateContact, run: Run) -> ContactWritten:
        given = _given(arguments)
        check_fields(given)
        return ContactWritten(contact=_item(book.create(Fields(**given), run)))

    return strict_tool(
        crm_create_contact,
        name="crm_create_contact",
        takes=CreateContact,
        gives=ContactWritten,
        title="Create a contact",
        description=described(
            "Add a person or a company to the contacts.",
            use="nobody like that is there yet; search first",
            not_for="changing a contact: crm_update_contact does that",
            example={
                "name": "Ann Example",
                "emails": ["ann@example.com"],
                "phones": ["+49 30 123456"],
                "organization": "Example",
            },
        ),
        annotations=kinds.adds,
        once=once,
        repeatable=True,
    )


def _update(book: Book, once: Once, kinds: Kinds) -> Tool:
    def crm_update_contact(arguments: UpdateContact, run: Run) -> ContactUpdated:
        changes = {name: value for name, value in _given(arguments).items() if value is not None}
        if not changes:
            raise Refused(
                Reason.ARGUMENT_NOT_VALID,
                "arguments",
                found="nothing to change",
                expected=f"one of {', '.join(FIELDS)}",
            )
        check_fields(changes)
        before, after = book.update(arguments.contact_id, arguments.etag, changes, run)
        return ContactUpdated(contact=_item(after), before=_fields(before))

    return strict_tool(
        crm_update_contact,
        name="crm_update_contact",
        takes=UpdateContact,
        gives=ContactUpdated,
        title="Update a contact",
        description=described(
            "Replace fields of a contact that nobody has changed since you read it.",
            use="something about a contact is wrong or missing",
            not_for="what was done with a contact: crm_log_activity notes that",
            example={"contact_id": CONTACT, "etag": ETAG, "title": "Head of sales"},
        ),
        annotations=kinds.changes,
        once=once,
        repeatable=not kinds.remote,
    )


def _delete(book: Book, once: Once, kinds: Kinds) -> Tool:
    def crm_delete_contact(arguments: DeleteContact, run: Run) -> ContactDeleted:
        before = book.delete(arguments.contact_id, arguments.etag, run)
        return ContactDeleted(contact_id=arguments.contact_id, status="deleted", before=_fields(before))

    return strict_tool(
        crm_delete_contact,
        name="crm_delete_contact",
        takes=DeleteContact,
        gives=ContactDeleted,
        title="Delete a contact",
        description=described(
            "Delete a contact that nobody has changed since you read it; gives what it was.",
            use="a contact is there twice or was made by mistake",
            not_for="removing one field: crm_update_contact does that",
            example={"contact_id": CONTACT, "etag": '"2"'},
        ),
        annotations=kinds.changes,
        once=once,
    )


def _given(arguments: CreateContact | UpdateContact) -> dict[str, Any]:
    values = arguments.model_dump(include=set(FIELDS))
    lists = {name: tuple(values[name]) for name in ("emails", "phones") if values[name] is not None}
    return values | lists


def _item(contact: Contact) -> ContactItem:
    return ContactItem(id=contact.id, etag=contact.etag, **_fields(contact).model_dump())


def _fields(contact: Contact) -> ContactFields:
    return ContactFields.model_validate(asdict(contact.fields))
