"""The SMTP client's state table: which command may be sent when, and what each class of reply leads to.

Rule 1: everything that decides a state stands in this file, and nothing else does.

                        GREETING 2           EHLO 2
             OPENING ───────────────> GREETED ──────> READY <──────────────────────────┐
                                         ^             │ │ └ AUTH 3 > CHALLENGED ┐      │
                        (TLS handshake)  └── SECURING <┘ │ MAIL 2        AUTH 2 ─┘      │
                                          STARTTLS 2     v                              │
                                                       SENDER ── RCPT 2 > RECIPIENT     │ END 2, 4, 5
                                                         │ DATA 3             │ DATA 3  │ RSET 2
                                                         v                    v         │
                                                       VOID                CONTENT ─────┘

A reply 4 or 5 leaves the state as it is, but for END, which closes the transaction whatever is answered (RFC 5321 section 4.1.1.4).
VOID is RFC 2920 section 3.1's corner: MAIL, RCPT and DATA went out together, the recipient was refused, and the server asks for content all
the same. Only a lone dot may follow. A 421 closes the connection in every state. A reply that has no entry is a protocol error.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Verb(StrEnum):
    """What is sent, and the greeting, which the server sends unasked."""

    GREETING = "the connection"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    END = "the end of the message"
    RSET = "RSET"
    QUIT = "QUIT"


class State(StrEnum):
    """Where the server stands, as far as its replies have told."""

    OPENING = "opening"
    GREETED = "greeted"
    SECURING = "securing"
    READY = "ready"
    CHALLENGED = "challenged"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"
    VOID = "void"
    CLOSED = "closed"


SERVICE_CLOSING: Final = 421

# (state, verb) -> {first digit of the reply: the state it leads to}. The first entry is success.
TABLE: Final[dict[tuple[State, Verb], dict[int, State]]] = {
    (State.OPENING, Verb.GREETING): {2: State.GREETED, 4: State.CLOSED, 5: State.CLOSED},
    (State.GREETED, Verb.EHLO): {2: State.READY, 4: State.GREETED, 5: State.GREETED},
    (State.READY, Verb.STARTTLS): {2: State.SECURING, 4: State.READY, 5: State.READY},
    (State.READY, Verb.AUTH): {2: State.READY, 3: State.CHALLENGED, 4: State.READY, 5: State.READY},
    (State.CHALLENGED, Verb.AUTH): {2: State.READY, 3: State.CHALLENGED, 4: State.READY, 5: State.READY},
    (State.READY, Verb.MAIL): {2: State.SENDER, 4: State.READY, 5: State.READY},
    (State.SENDER, Verb.RCPT): {2: State.RECIPIENT, 4: State.SENDER, 5: State.SENDER},
    (State.RECIPIENT, Verb.DATA): {3: State.CONTENT, 4: State.RECIPIENT, 5: State.RECIPIENT},
    (State.CONTENT, Verb.END): {2: State.READY, 4: State.READY, 5: State.READY},
    (State.VOID, Verb.END): {2: State.READY, 4: State.READY, 5: State.READY},
    # Replies to what was pipelined behind a command that failed.
    (State.READY, Verb.RCPT): {4: State.READY, 5: State.READY},
    (State.SENDER, Verb.DATA): {3: State.VOID, 4: State.SENDER, 5: State.SENDER},
    (State.READY, Verb.DATA): {3: State.VOID, 4: State.READY, 5: State.READY},
    **{
        (state, Verb.RSET): {2: State.READY, 4: state, 5: state}
        for state in (State.READY, State.SENDER, State.RECIPIENT)
    },
    **{
        (state, Verb.QUIT): {2: State.CLOSED, 4: State.CLOSED, 5: State.CLOSED}
        for state in (State.GREETED, State.READY, State.SENDER, State.RECIPIENT)
    },
}

# (state, verb) -> the state that is assumed while the reply is awaited. What is not here must not be sent.
SENDABLE: Final[dict[tuple[State, Verb], State]] = {
    key: next(iter(after.values())) for key, after in TABLE.items() if next(iter(after)) in (2, 3)
}
for _never in ((State.OPENING, Verb.GREETING), (State.SENDER, Verb.DATA), (State.READY, Verb.DATA)):
    del SENDABLE[_never]

# RFC 2920 section 3.1: these end a group; nothing is sent until they are answered.
LAST_IN_GROUP: Final = frozenset(
    {Verb.GREETING, Verb.EHLO, Verb.STARTTLS, Verb.AUTH, Verb.DATA, Verb.QUIT},
)
