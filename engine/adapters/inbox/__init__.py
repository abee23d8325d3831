"""The inbox: a local SMTP server to try campaigns on, with a page that shows what came in."""

from engine.adapters.inbox.background import BackgroundInbox
from engine.adapters.inbox.received import Counts, LogLine, Received, read_log, recipient_hash
from engine.adapters.inbox.server import Inbox
from engine.adapters.inbox.settings import Faults, InboxSettings

__all__ = [
    "BackgroundInbox",
    "Counts",
    "Faults",
    "Inbox",
    "InboxSettings",
    "LogLine",
    "Received",
    "read_log",
    "recipient_hash",
]
