"""Tickets over what the settings name."""

from toolgate_servers.actions.kinds import Kinds
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.actions.stores import Stores
from toolgate_servers.actions.tickets.declared import declared
from toolgate_servers.actions.tickets.local import SqliteTickets
from toolgate_servers.actions.tickets.ticket import Tickets
from toolgate_servers.config import resolve_secret
from toolgate_servers.idempotency import Once
from toolgate_servers.server import Family

ADVICE = "Search for a ticket before creating another of the same."


def family(settings: ActionsSettings, stores: Stores, once: Once) -> Family:
    """Make the ticket tools.

    Raises:
        CannotStart: A file or a secret is not there, or is something else.
    """
    github = settings.tickets.github
    if github is None:
        file = stores.place("tickets.db")
        tickets: Tickets = SqliteTickets(file)
        about = f"local tickets {file or 'in memory'}"
    else:
        from toolgate_servers.actions.github import GithubApi  # late: most start without it
        from toolgate_servers.actions.tickets.remote import GithubTickets

        tickets = GithubTickets(GithubApi(github, resolve_secret(github.token)))
        about = f"issues of {github.repository} at {github.url}"
    return Family("tickets", about, declared(tickets, once, Kinds(remote=github is not None)))
