"""Signed mail, and mail through a provider, from the command line to the other end."""

from __future__ import annotations

import asyncio
import os
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import dkim
import fake_providers
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

NOW = ("--now", "2026-03-01T09:00:00+00:00", "--runner", "inline")


def change(campaign: Path, delivery: str) -> None:
    file = campaign / "campaign.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("delivery:\n", f"delivery:\n{delivery}\n", 1), "utf-8")


def write_key(campaign: Path, key) -> None:
    (campaign / "dkim.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def signed_by(campaign: Path, domain: str = "example.com") -> None:
    change(campaign, f"  dkim: {{domain: {domain}, selector: spring, key: file:dkim.pem}}")


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_a_run_signs_each_message(mailray, campaign, tmp_path, algorithm) -> None:
    if algorithm == "rsa":
        key = generate_private_key(65537, 2048)
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    write_key(campaign, key)
    signed_by(campaign)
    sent = []
    for name in ("one", "two"):
        mails = tmp_path / name / "mail"
        done = mailray("run", campaign, "--transport", f"file://{mails}", "--run-dir", tmp_path / name / "run", *NOW)
        assert done.code == 0, done.err
        sent.append({file.name: file.read_bytes() for file in mails.glob("*.eml")})
    assert sent[0]
    assert sent[0] == sent[1]  # the same campaign at the same hour: the same octets, signatures included
    record = f"v=DKIM1; k={algorithm}; p=".encode() + b64encode(public)
    for content in sent[0].values():
        assert content.startswith(b"DKIM-Signature: v=1;")
        assert dkim.verify(content, dnsfunc=lambda name, timeout=5: record)


@pytest.mark.parametrize(
    ("pem", "code", "exit_code"),
    [(None, "MR161", 78), (b"", "MR161", 78), (b"hunter2", "MR162", 78)],
)
def test_a_key_that_cannot_sign_stops_the_run_before_it_begins(
    mailray, campaign, tmp_path, pem, code, exit_code
) -> None:
    if pem is not None:
        (campaign / "dkim.pem").write_bytes(pem)
    signed_by(campaign)
    run = tmp_path / "run"
    done = mailray("run", campaign, "--transport", "rehearsal:", "--run-dir", run, *NOW)
    assert done.code == exit_code
    assert code in done.err
    assert "hunter2" not in done.out + done.err
    assert not run.exists()


def test_a_domain_that_is_not_the_senders(mailray, campaign) -> None:
    write_key(campaign, Ed25519PrivateKey.generate())
    signed_by(campaign, "example.net")
    done = mailray("validate", campaign)
    assert done.code == 78
    assert "MR155" in done.err


def test_a_provider_that_would_break_the_signature(mailray, campaign, tmp_path) -> None:
    write_key(campaign, Ed25519PrivateKey.generate())
    signed_by(campaign)
    token = {"MAILRAY_CREDENTIALS": "env:TOKEN", "TOKEN": "x"}
    run = tmp_path / "run"
    done = mailray("run", campaign, "--transport", "postmark:", "--run-dir", run, "--yes", *NOW, env=token)
    assert done.code == 78
    assert "MR165" in done.err


class BackgroundProvider:
    """A fake provider in a thread of its own."""

    def __init__(self, kind: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(kind),))

    async def _serve(self, kind: str) -> None:
        async with fake_providers.provider(kind) as self.fake:
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> fake_providers.FakeProvider:
        self._thread.start()
        assert self._ready.wait(10)
        return self.fake

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


@pytest.fixture(params=["postmark", "sendgrid", "resend", "webhook"])
def provider(request: pytest.FixtureRequest) -> Iterator[tuple[str, fake_providers.FakeProvider]]:
    with BackgroundProvider(request.param) as fake:
        yield request.param, fake


def test_a_wrong_token_stops_a_run_that_resumes_with_the_right_one(mailray, campaign, tmp_path, provider) -> None:
    kind, fake = provider
    run, url = tmp_path / "run", f"http+{kind}://127.0.0.1:{fake.port}"
    change(campaign, "  credentials: env:SHOP_TOKEN")
    text = (campaign / "campaign.yaml").read_text(encoding="utf-8")
    (campaign / "campaign.yaml").write_text(text.replace('transport: "rehearsal:"', f'transport: "{url}"'), "utf-8")
    missing = mailray("run", campaign, "--run-dir", run, *NOW)
    assert missing.code == 78
    assert "MR161" in missing.err and not run.exists()
    refused = mailray("run", campaign, "--run-dir", run, *NOW, env={"SHOP_TOKEN": "canary-token"})
    assert refused.code == 77
    assert "MR753" in refused.err
    assert fake.taken == []
    resumed = mailray("resume", run, "--runner", "inline", "--json", env={"SHOP_TOKEN": "sesame"})
    assert resumed.code == 0, resumed.err
    assert len(fake.taken) == len({str(each.message) for each in fake.taken}) > 0
    everything = b"".join(file.read_bytes() for file in run.rglob("*") if file.is_file())
    assert b"canary-token" not in everything + (refused.out + refused.err).encode()
    assert os.fsencode(url) in everything
