from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

from engine.adapters import transports
from engine.adapters.transports import TRANSPORTS, Credentials, TransportKind, TransportSettings, open_transport
from engine.adapters.transports.providers.transport import HttpTransport
from engine.campaign.checks.delivery import TRANSPORT_SCHEMES
from engine.errors import CampaignError, UsageError


def test_every_kind_in_the_folder_is_in_the_tuple() -> None:
    modules = [
        import_module(f"{transports.__name__}.{found.name}") for found in pkgutil.iter_modules(transports.__path__)
    ]
    kinds = [module.KIND for module in modules if isinstance(getattr(module, "KIND", None), TransportKind)]
    kinds += [kind for module in modules for kind in getattr(module, "KINDS", ())]
    assert {kind.name for kind in kinds} == {kind.name for kind in TRANSPORTS}
    assert len(kinds) == len(TRANSPORTS)


def test_no_scheme_is_claimed_twice() -> None:
    schemes = [scheme for kind in TRANSPORTS for scheme in kind.schemes]
    assert len(schemes) == len(set(schemes))


@pytest.mark.parametrize("kind", TRANSPORTS, ids=lambda kind: kind.name)
def test_the_example_opens(kind: TransportKind, tmp_path: Path) -> None:
    settings = TransportSettings(credentials=Credentials("name", "password"))
    open_transport(kind.example.replace("/tmp/mail", str(tmp_path)), settings)


@pytest.mark.parametrize(
    ("url", "end"),
    [
        ("postmark:broadcast", "https://api.postmarkapp.com/"),
        ("sendgrid:", "https://api.sendgrid.com/"),
        ("resend:?batch=1", "https://api.resend.com/"),
        ("ses:eu-west-1", "https://email.eu-west-1.amazonaws.com/"),
        ("https+webhook://mail.example.com/in", "https://mail.example.com/in"),
    ],
)
def test_a_provider_says_where_it_takes_messages(url: str, end: str) -> None:
    opened = open_transport(url, TransportSettings(credentials=Credentials("name", "password")))
    assert isinstance(opened, HttpTransport)
    assert opened.url.startswith(end)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("smpt://localhost", "did you mean `smtp`?"),
        ("rehersal:", "did you mean `rehearsal`?"),
        ("postmrk:", "did you mean `postmark`?"),
        ("gopher://x", "known are: `file`, "),
        ("localhost:25", "known are:"),
        ("/tmp/mail", "without a scheme"),
        ("smtp://", "a host and a port"),
        ("smtp://localhost:port", "a port that is no port"),
        ("smtp://localhost:99999", "a port that is no port"),
        ("smtp://localhost/path", "a host and a port"),
        ("smtp://[::1", "malformed"),
        ("smtp://user:secret@localhost", "by reference"),
        ("file://host/folder", "no absolute path"),
        ("file:folder", "no absolute path"),
        ("rehearsal://x", "more than its scheme"),
        ("resend://api.resend.com", "`https+resend://host`"),
        ("resend:word", "a path"),
        ("resend:?bach=1", "did you mean `batch`?"),
        ("resend:?batch=101", "a number from 1 to 100"),
        ("postmark:?batch=0", "a number from 1 to 500"),
        ("postmark:#x", "a fragment"),
        ("sendgrid:word", "a path"),
        ("https+sendgrid:", "no host"),
        ("https+sendgrid://user:secret@api.eu.sendgrid.com", "by reference"),
        ("https+webhook://user:secret@mail.example.com/x", "by reference"),
        ("https+webhook://mail.example.com/x?token=secret", "no option `token`"),
        ("http+webhook://mail.example.com/x", "plain HTTP to another machine"),
        ("http+webhook://127.0.0.1:port/x", "a port that is no port"),
        ("webhook://mail.example.com/x", "did you mean"),
        ("ses:eu/west", "more than a region"),
    ],
)
def test_a_url_that_opens_nothing(url: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_transport(url, TransportSettings())
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("text", ["user:hunter2", "hunter2", "user:hun:ter2"])
def test_credentials_are_not_shown(text: str) -> None:
    credentials = Credentials.of(text)
    assert "hun" not in repr(TransportSettings(credentials=credentials))
    assert credentials.token == text


@pytest.mark.parametrize(
    ("url", "credentials", "said"),
    [
        ("postmark:", None, "Postmark asks for a token"),
        ("sendgrid:", None, "SendGrid asks for a token"),
        ("resend:", "two words", "no token as Resend takes it"),
        ("resend:", "line\nend", "no token as Resend takes it"),
        ("https+webhook://mail.example.com/", "tokén", "no token as the webhook takes it"),
        ("ses:eu-west-1", "hunter2", "ID:SECRET"),
    ],
)
def test_credentials_that_open_nothing(url: str, credentials: str | None, said: str) -> None:
    settings = TransportSettings(credentials=None if credentials is None else Credentials.of(credentials))
    with pytest.raises(CampaignError) as raised:
        open_transport(url, settings)
    assert said in str(raised.value)
    assert credentials is None or credentials not in str(raised.value)


def test_the_campaign_file_knows_the_same_schemes() -> None:
    assert sorted(TRANSPORT_SCHEMES) == sorted(scheme for kind in TRANSPORTS for scheme in kind.schemes)
