"""The settings of tickets."""

from toolgate_servers.actions.github import GithubSettings
from toolgate_servers.config import Settings


class TicketSettings(Settings):
    """Without github, tickets are in a local file."""

    github: GithubSettings | None = None
