"""Messages to channels: a local board, Slack or XMPP."""
