"""The mail tools over what the settings name."""

from toolgate_servers.actions.mail.outbox import SqliteMail
from toolgate_servers.actions.mail.tools import tools
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.actions.stores import Stores
from toolgate_servers.idempotency import Once
from toolgate_servers.server import Family

ADVICE = "Draft first where a person should see a mail before it is sent."


def family(settings: ActionsSettings, stores: Stores, once: Once) -> Family:  # noqa: ARG001  # a family takes what its server gives
    """Make the mail tools.

    Raises:
        CannotStart: A file or a secret is not there, or is something else.
    """
    outbox = settings.outbox or stores.place("outbox.db")
    return Family("mail", f"local outbox {outbox or 'in memory'}", tools(SqliteMail(outbox)))
