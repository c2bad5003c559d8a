"""The CRM tools over what the settings name."""

from toolgate_servers.actions.crm.activities import activity_tools
from toolgate_servers.actions.crm.contact import Book
from toolgate_servers.actions.crm.store import Activities, LocalBook, open_store
from toolgate_servers.actions.crm.tools import contact_tools
from toolgate_servers.actions.kinds import Kinds
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.actions.stores import Stores
from toolgate_servers.config import resolve_secret
from toolgate_servers.idempotency import Once
from toolgate_servers.server import Family

ADVICE = "Search the contacts before you create one, and read one before you change it."


def family(settings: ActionsSettings, stores: Stores, once: Once) -> Family:
    """Make the CRM tools.

    Raises:
        CannotStart: A file or a secret is not there, or is something else.
    """
    file = stores.place("contacts.db")
    database = open_store(file)
    carddav = settings.crm.carddav
    book: Book = LocalBook(database, f"local contacts {file or 'in memory'}")
    if carddav is not None:
        from toolgate_servers.actions.crm.carddav import CarddavBook  # late: it brings XML and HTTP

        book = CarddavBook(carddav, resolve_secret(carddav.password))
    kinds = Kinds(remote=carddav is not None)
    tools = [*contact_tools(book, once, kinds), *activity_tools(book, Activities(database), once, kinds)]
    return Family("crm", book.about, tools)
