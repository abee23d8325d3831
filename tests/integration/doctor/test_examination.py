"""What the doctor says of a campaign's surroundings: relay, certificate, clock, records, Ray's ports."""

from __future__ import annotations

import asyncio
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.smtp import SMTP
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from engine.adapters.inbox import BackgroundInbox, InboxSettings
from engine.adapters.probes import Look, look_at_relay, look_at_web
from engine.adapters.transports import TransportSettings
from engine.adapters.transports.tls import tls_context
from engine.assembly.campaign import open_campaign
from engine.assembly.doctor import _certificate, _clock, _cluster, _ports, examine
from engine.assembly.sending import Route
from engine.assembly.settings import AppSettings
from engine.delivery.alignment import Level
from engine.errors import ServiceError
from jobs.cli import run_guarded

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue\n"
RAY_ON_ALL = "   0: 00000000:2049 00000000:0000 0A 00000000:00000000\n"  # port 8265
RAY_ON_ALL_6 = f"   0: {'0' * 32}:2711 {'0' * 32}:0000 0A\n"  # port 10001
RAY_HERE = "   0: 0100007F:2049 00000000:0000 0A 00000000:00000000\n"
TALKING = "   0: 00000000:2049 0100007F:1234 01 00000000:00000000\n"


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run_guarded(["init", "welcome"], debug=True) == 0
    return tmp_path / "welcome"


def findings(campaign: Path, **settings: Any) -> dict[str, tuple[Level, str]]:
    found = examine(AppSettings.load(**settings), open_campaign(campaign, NOW))
    return {each.name: (each.level, each.detail) for each in found}


def test_a_campaign_whose_records_are_right(campaign: Path, zone: Any) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (campaign / "dkim.pem").write_bytes(pem)
    text = (campaign / "campaign.yaml").read_text(encoding="utf-8")
    signed = "delivery:\n  dkim: {domain: example.com, selector: spring, key: 'file:dkim.pem'}\n"
    (campaign / "campaign.yaml").write_text(text.replace("delivery:\n", signed), encoding="utf-8")
    public = b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    zone.text("example.com", "v=spf1 include:relay.test -all")
    zone.text("spring._domainkey.example.com", f"v=DKIM1; k=ed25519; p={public}")
    zone.text("_dmarc.example.com", "v=DMARC1; p=none")
    zone.records["example.com", "MX"] = ["10 mx.example.com."]
    found = findings(campaign, dns=zone.address)
    looked_at = (
        "DKIM key",
        "SPF",
        "DKIM",
        "DMARC",
        "alignment",
        "return path",
        "ray's ports",
        "run folder",
        "audience",
    )
    assert {name: found[name][0] for name in looked_at} == dict.fromkeys(looked_at, Level.OK)


def test_a_domain_without_records_fails_in_each_of_them(campaign: Path, zone: Any) -> None:
    found = findings(campaign, dns=zone.address)
    failed = {name for name, (level, _) in found.items() if level is Level.FAIL}
    assert failed == {"SPF", "DMARC", "return path"}
    assert found["alignment"][0] is Level.WARN  # it is not signed here


def test_the_addresses_that_mail_comes_from_are_looked_up(campaign: Path, zone: Any) -> None:
    zone.text("example.com", "v=spf1 ip4:192.88.99.1 -all")
    with BackgroundInbox(InboxSettings()) as inbox:
        found = findings(campaign, dns=zone.address, transport=f"smtp://127.0.0.1:{inbox.port}")
    assert found["reverse DNS"][0] is Level.WARN
    assert ("1.99.88.192.in-addr.arpa", "PTR") in zone.asked


def test_a_rehearsal_asks_nobody(campaign: Path) -> None:
    assert "SPF" not in findings(campaign)


def test_a_relay_is_greeted_and_its_certificate_looked_at(certificate: Path) -> None:
    context = tls_context(TransportSettings(ca_file=certificate))
    with BackgroundInbox(InboxSettings(certificate=certificate)) as inbox:
        look = look_at_relay(urlsplit(f"smtps://127.0.0.1:{inbox.port}"), context, 5)
        assert look.expires is not None
        with pytest.raises(ServiceError) as caught:
            look_at_relay(urlsplit(f"smtps://127.0.0.1:{inbox.port}"), tls_context(TransportSettings()), 5)
        assert caught.value.diagnostics[0].code == "MR702"
    with BackgroundInbox(InboxSettings()) as inbox:
        assert look_at_relay(urlsplit(f"smtp://127.0.0.1:{inbox.port}"), context, 5) == Look(None)
    with pytest.raises(ServiceError):
        look_at_relay(urlsplit(f"smtp://127.0.0.1:{inbox.port}"), context, 5)


def test_a_relay_that_begins_in_the_clear_shows_its_certificate_after_starttls(certificate: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def look(*, trusted: bool) -> Look:
        serving = asyncio.get_running_loop()
        made = await serving.create_server(lambda: SMTP(None, hostname="localhost", tls_context=context), "127.0.0.1")
        async with made:
            url = urlsplit(f"smtp://127.0.0.1:{made.sockets[0].getsockname()[1]}")
            ours = tls_context(TransportSettings(ca_file=certificate if trusted else None))
            return await asyncio.to_thread(look_at_relay, url, ours, 5)

    expires = load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    assert asyncio.run(look(trusted=True)) == Look(expires)
    with pytest.raises(ServiceError) as caught:
        asyncio.run(look(trusted=False))
    assert caught.value.diagnostics[0].code == "MR702"


def test_the_databases_clock_is_looked_at(postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCTOR_PASSWORD", postgres.password)
    settings = AppSettings.load(runs=tmp_path, store=postgres.url, store_password="env:DOCTOR_PASSWORD")
    found = {each.name: each for each in examine(settings)}
    assert found["store"].ok
    assert found["database's clock"].detail.endswith(" seconds from that of the database")


class Clocked(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response_only(404)
        self.send_header("Date", format_datetime(NOW, usegmt=True))
        self.end_headers()


@pytest.fixture
def web() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Clocked) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_web_server_tells_its_time(web: int) -> None:
    look = look_at_web(urlsplit(f"http+webhook://127.0.0.1:{web}/x"), tls_context(TransportSettings()), 5)
    assert look == Look(None, NOW)


def test_a_provider_is_asked_where_it_takes_messages(campaign: Path, web: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "token")
    found = findings(campaign, transport=f"http+postmark://127.0.0.1:{web}", credentials="env:TOKEN")
    assert (found["transport"], found["clock"][0]) == ((Level.OK, f"127.0.0.1:{web} answers"), Level.FAIL)


def test_files_of_the_stores_are_read_and_none_is_made(campaign: Path, tmp_path: Path) -> None:
    assert findings(campaign)["store"][0] is Level.OK
    assert not (tmp_path / ".mailray").exists()
    assert run_guarded(["suppress", "add", "ann@example.com"], debug=True) == 0
    assert findings(campaign)["store"][0] is Level.OK
    (tmp_path / ".mailray" / "suppression.sqlite").write_bytes(b"no database" * 1_000)
    level, detail = findings(campaign)["store"]
    assert (level, "damaged" in detail) == (Level.FAIL, True)


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0, Level.OK), (-29, Level.OK), (31, Level.WARN), (-31, Level.WARN), (301, Level.FAIL), (-3600, Level.FAIL)],
)
def test_clocks_may_differ_by_half_a_minute(seconds: float, level: Level) -> None:
    assert _clock(Look(None, NOW), NOW.timestamp() + seconds).level is level


@pytest.mark.parametrize(
    ("url", "credentials", "days", "level"),
    [
        ("smtp://relay.test", None, 100, Level.OK),
        ("smtp://relay.test", None, 13, Level.WARN),
        ("smtp://relay.test", None, None, Level.WARN),
        ("smtp://relay.test", "env:X", None, Level.FAIL),
        ("smtp://127.0.0.1", "env:X", None, Level.OK),
    ],
)
def test_certificates_expire(url: str, credentials: str | None, days: int | None, level: Level) -> None:
    expires = None if days is None else NOW + timedelta(days=days, hours=1)
    assert _certificate(Look(expires), Route(url, credentials), NOW).level is level


@pytest.mark.parametrize(
    ("table", "mode", "level"),
    [
        ("", None, Level.OK),
        (HEAD + RAY_HERE + TALKING, None, Level.OK),
        (HEAD + RAY_ON_ALL, None, Level.FAIL),
        (HEAD + RAY_ON_ALL_6, "disabled", Level.FAIL),
        (HEAD + RAY_ON_ALL, "token", Level.WARN),
    ],
)
def test_ray_is_not_open_to_everybody(table: str, mode: str | None, level: Level) -> None:
    assert _ports(table, mode).level is level


@pytest.mark.parametrize(
    ("address", "mode", "level"),
    [
        ("auto", None, Level.OK),
        ("127.0.0.1:6379", None, Level.OK),
        ("10.0.0.5:6379", "token", Level.OK),
        ("10.0.0.5:6379", None, Level.FAIL),
        ("ray://head:10001", "disabled", Level.FAIL),
    ],
)
def test_a_cluster_on_the_network_has_a_token(address: str, mode: str | None, level: Level) -> None:
    assert _cluster(address, mode).level is level
