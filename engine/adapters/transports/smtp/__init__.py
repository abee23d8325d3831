"""SMTP by hand: a protocol core without I/O (states, replies, core), and a thin asyncio connection under a session."""

from engine.adapters.transports.smtp.transport import KIND, SmtpTransport

__all__ = ["KIND", "SmtpTransport"]
