"""The settings of the actions server; each family adds its own part."""

from toolgate_servers.actions.calendar.settings import CalendarSettings
from toolgate_servers.actions.crm.settings import CrmSettings
from toolgate_servers.actions.git.settings import GitSettings
from toolgate_servers.actions.mail.settings import MailSettings
from toolgate_servers.actions.messaging.settings import MessagingSettings
from toolgate_servers.actions.tickets.settings import TicketSettings
from toolgate_servers.config import Place, Settings


class Families(Settings):
    """Which tools are on."""

    mail: bool = True
    calendar: bool = True
    tickets: bool = True
    messaging: bool = False
    crm: bool = False
    git: bool = False


class ActionsSettings(Settings):
    """The settings file of the actions server; without a folder of stores, they are kept in memory."""

    families: Families = Families()
    stores: Place | None = None
    outbox: Place | None = None
    mail: MailSettings = MailSettings()
    calendar: CalendarSettings = CalendarSettings()
    tickets: TicketSettings = TicketSettings()
    messaging: MessagingSettings = MessagingSettings()
    crm: CrmSettings = CrmSettings()
    git: GitSettings = GitSettings()
