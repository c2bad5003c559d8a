"""The settings of mail."""

from toolgate_servers.config import Settings


class MailSettings(Settings):
    """Mail in the local outbox."""
