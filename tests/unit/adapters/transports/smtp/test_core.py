from __future__ import annotations

import pytest

from engine.adapters.transports.smtp import commands
from engine.adapters.transports.smtp.core import Command, Core
from engine.adapters.transports.smtp.errors import LocalProtocolError, RemoteProtocolError
from engine.adapters.transports.smtp.states import LAST_IN_GROUP, SENDABLE, TABLE, State, Verb

MAIL = Command(Verb.MAIL, b"MAIL FROM:<a@example.com>\r\n")
RCPT = Command(Verb.RCPT, b"RCPT TO:<b@example.com>\r\n")
ENVELOPE = (MAIL, RCPT, commands.DATA)


def ready(*offers: bytes) -> Core:
    core = Core()
    list(core.receive(b"220 hello\r\n"))
    core.send((commands.ehlo("client.example.com"),))
    list(core.receive(b"".join(b"250-" + line + b"\r\n" for line in (b"server", *offers)) + b"250 HELP\r\n"))
    assert core.state is State.READY
    return core


def test_a_message_step_by_step() -> None:
    core = ready()
    for command, answer, state in [
        (MAIL, b"250 ok\r\n", State.SENDER),
        (RCPT, b"250 ok\r\n", State.RECIPIENT),
        (commands.DATA, b"354 go\r\n", State.CONTENT),
        (commands.END, b"250 kept\r\n", State.READY),
        (commands.QUIT, b"221 bye\r\n", State.CLOSED),
    ]:
        assert core.send((command,)) == command.line
        assert [reply.verb for reply in core.receive(answer)] == [command.verb]
        assert core.state is state


def test_the_next_envelope_goes_out_with_the_dot() -> None:
    core = ready(b"PIPELINING")
    core.send(ENVELOPE)
    list(core.receive(b"250 ok\r\n250 ok\r\n354 go\r\n"))
    assert core.send((commands.END, *ENVELOPE)) == b".\r\n" + b"".join(each.line for each in ENVELOPE)
    replies = list(core.receive(b"250 kept\r\n250 ok\r\n250 ok\r\n354 go\r\n"))
    assert [reply.verb for reply in replies] == [Verb.END, Verb.MAIL, Verb.RCPT, Verb.DATA]
    assert core.state is State.CONTENT


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        (b"250 ok\r\n550 no\r\n354 go\r\n", State.VOID),
        (b"250 ok\r\n550 no\r\n503 no\r\n", State.SENDER),
        (b"250 ok\r\n250 ok\r\n451 no\r\n", State.RECIPIENT),
        (b"550 no\r\n503 no\r\n503 no\r\n", State.READY),
        (b"550 no\r\n503 no\r\n354 go\r\n", State.VOID),
    ],
)
def test_a_refusal_in_a_pipelined_envelope(answers: bytes, state: State) -> None:
    core = ready(b"PIPELINING")
    core.send(ENVELOPE)
    assert len(list(core.receive(answers))) == 3
    assert core.state is state


def test_only_a_dot_may_follow_a_354_without_a_recipient() -> None:
    core = ready(b"PIPELINING")
    core.send(ENVELOPE)
    list(core.receive(b"250 ok\r\n550 no\r\n354 go\r\n"))
    for command in (MAIL, commands.RSET, commands.QUIT):
        with pytest.raises(LocalProtocolError):
            core.send((command,))
    assert core.send((commands.END,)) == b".\r\n"
    list(core.receive(b"554 no valid recipients\r\n"))
    assert core.state is State.READY


def test_without_pipelining_nothing_goes_out_before_the_answer() -> None:
    core = ready()
    with pytest.raises(LocalProtocolError):
        core.send((MAIL, RCPT))


def test_nothing_goes_out_behind_data() -> None:
    core = ready(b"PIPELINING")
    core.send(ENVELOPE)
    with pytest.raises(LocalProtocolError):
        core.send((commands.END,))


@pytest.mark.parametrize(
    "answer",
    [b"354 go\r\n", b"250-a\r\n451 b\r\n"],
)
def test_an_answer_out_of_place_is_refused(answer: bytes) -> None:
    core = ready()
    core.send((MAIL,))
    with pytest.raises(RemoteProtocolError):
        list(core.receive(answer))


def test_a_recipient_accepted_without_a_sender_is_refused() -> None:
    core = ready(b"PIPELINING")
    core.send(ENVELOPE)
    with pytest.raises(RemoteProtocolError):
        list(core.receive(b"550 no\r\n250 ok\r\n354 go\r\n"))


def test_an_answer_to_nothing_is_refused_but_for_421() -> None:
    with pytest.raises(RemoteProtocolError):
        list(ready().receive(b"250 ok\r\n"))
    core = ready()
    (reply,) = core.receive(b"421 idle too long\r\n")
    assert reply.verb is None
    assert core.state is State.CLOSED


def securing() -> Core:
    core = ready(b"STARTTLS", b"PIPELINING")
    core.send((commands.STARTTLS,))
    return core


@pytest.mark.parametrize("injected", [b"250 ok\r\n", b"250-ok", b"2", b"250-PIPELINING\r\n", b"rubbish\r\n"])
def test_plaintext_behind_the_answer_to_starttls_is_refused(injected: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        list(securing().receive(b"220 go\r\n" + injected))
    core = securing()
    list(core.receive(b"220 go\r\n"))
    with pytest.raises(RemoteProtocolError):
        list(core.receive(injected + b"\r\n"))


def test_the_handshake_forgets_what_the_server_offered() -> None:
    core = securing()
    list(core.receive(b"220 go\r\n"))
    core.secured()
    assert core.state is State.GREETED
    assert not core.capabilities.pipelining
    with pytest.raises(LocalProtocolError):
        core.send((MAIL,))


def test_auth_in_two_steps() -> None:
    core = ready(b"AUTH LOGIN")
    core.send((commands.AUTH_LOGIN,))
    list(core.receive(b"334 VXNlcm5hbWU6\r\n"))
    assert core.state is State.CHALLENGED
    assert core.send((commands.auth_response("user"),)) == b"dXNlcg==\r\n"
    list(core.receive(b"334 UGFzc3dvcmQ6\r\n"))
    core.send((commands.auth_response("secret"),))
    list(core.receive(b"535 5.7.8 no\r\n"))
    assert core.state is State.READY


def test_the_table_has_an_end_for_every_state() -> None:
    """From every state some row leads on, so that no connection can be stuck; and each sendable verb has a row."""
    reached = {after for rows in TABLE.values() for after in rows.values()} | {State.OPENING, State.GREETED}
    assert reached == set(State)
    leaving = {state for (state, _), rows in TABLE.items() if set(rows.values()) - {state}}
    assert leaving | {State.SECURING, State.CLOSED} == set(State)
    assert all(key in TABLE for key in SENDABLE)
    assert all(verb in LAST_IN_GROUP for verb in (Verb.EHLO, Verb.STARTTLS, Verb.AUTH, Verb.DATA, Verb.QUIT))
