"""What goes wrong inside the SMTP transport; none of these leaves it.

SmtpError
├── LocalProtocolError     we were about to break the protocol
├── RemoteProtocolError    the server broke it
└── LostConnectionError    closed, reset, timed out, or given up for one of the above
"""

from __future__ import annotations


class SmtpError(Exception):
    """The message is a reason in words, free of addresses."""


class LocalProtocolError(SmtpError):
    pass


class RemoteProtocolError(SmtpError):
    pass


class LostConnectionError(SmtpError):
    pass
