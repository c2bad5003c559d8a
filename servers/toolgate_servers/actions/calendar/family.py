"""The calendar over what the settings name."""

from toolgate_servers.actions.addresses import EXPECTED, address_problem
from toolgate_servers.actions.calendar.agenda import Agenda
from toolgate_servers.actions.calendar.declared import declared
from toolgate_servers.actions.calendar.events import Events
from toolgate_servers.actions.calendar.local import SqliteEvents
from toolgate_servers.actions.calendar.when import known_zone
from toolgate_servers.actions.kinds import Kinds
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.actions.stores import Stores
from toolgate_servers.actions.times import utc_now
from toolgate_servers.errors import CannotStart
from toolgate_servers.extras import need
from toolgate_servers.idempotency import Once
from toolgate_servers.server import Family

ADVICE = "Calendar tools tell nobody: mail the invitations, cancellations and replies that they give."


def family(settings: ActionsSettings, stores: Stores, once: Once) -> Family:
    """Make the calendar tools.

    Raises:
        CannotStart: A file, a secret or a package is not there, or is something else.
    """
    calendar = settings.calendar
    zone = known_zone(calendar.zone)
    if zone is None:
        raise CannotStart("calendar.zone: found no time zone, expected an IANA name such as Europe/Berlin")
    own = calendar.address or settings.mail.address
    if address_problem(own) is not None:
        raise CannotStart(f"calendar.address: found something else, expected {EXPECTED}")
    if calendar.caldav is None:
        file = stores.place("calendar.db")
        events: Events = SqliteEvents(file, zone)
        about = f"local calendar {file or 'in memory'}"
    else:
        need("caldav", "calendar.caldav")
        from toolgate_servers.actions.calendar.dav import DavEvents  # late: the package is an extra

        events, about = DavEvents(calendar.caldav), f"CalDAV {calendar.caldav.url}"
    agenda = Agenda(events, zone, own, utc_now)
    kinds = Kinds(remote=calendar.caldav is not None)
    return Family("calendar", f"{about}, zone {zone.key}", declared(agenda, once, kinds))
