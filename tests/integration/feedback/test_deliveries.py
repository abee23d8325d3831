"""What comes back is found again in the runs' own files."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from engine.assembly.feedback import Feedback, open_feedback
from engine.delivery.identity import TokenUse


def token(raw: bytes) -> str:
    found = re.search(rb"/u/([a-z2-7]{48})>", raw)
    assert found
    return found[1].decode()


def message_id(raw: bytes) -> str:
    found = re.search(rb"Message-ID: <([a-z2-7]{32})@", raw)
    assert found
    return found[1].decode()


def test_every_message_is_found_by_its_token_and_its_message_id(campaign: Any, feedback: Feedback) -> None:
    assert len(campaign.messages) > 20
    for recipient, raw in campaign.messages.items():
        key = feedback.tokens.key_of(token(raw), TokenUse.UNSUBSCRIBE)
        assert key is not None
        by_key, by_id = feedback.deliveries.find(key), feedback.deliveries.find_message_id(message_id(raw))
        assert by_key == by_id
        assert by_key is not None
        assert (by_key.address, by_key.campaign, by_key.run) == (recipient, "welcome", "first")


def test_the_index_holds_no_address(campaign: Any, feedback: Feedback) -> None:
    feedback.deliveries.index()
    feedback.deliveries.close()
    index = campaign.settings.stores_folder / "deliveries.sqlite"
    content = index.read_bytes()
    assert len(content) > 1_000
    assert not [each for each in campaign.messages if each.encode() in content]


def test_a_run_that_begins_meanwhile_is_found(campaign: Any, tmp_path: Path) -> None:
    runs = campaign.settings.runs
    shutil.move(runs / "first", tmp_path / "later")
    raw = next(iter(campaign.messages.values()))
    with open_feedback(campaign.settings) as feedback:
        feedback.deliveries.index()
        shutil.move(tmp_path / "later", runs / "first")
        key = feedback.tokens.key_of(token(raw), TokenUse.UNSUBSCRIBE)
        assert key is not None
        assert feedback.deliveries.find(key) is not None


def test_the_index_is_made_again(campaign: Any, feedback: Feedback) -> None:
    count = feedback.deliveries.index()
    assert count == len(campaign.messages)
    assert feedback.deliveries.index() == 0
    with open_feedback(campaign.settings) as again:
        assert again.deliveries.index() == 0
    feedback.deliveries.close()
    (campaign.settings.stores_folder / "deliveries.sqlite").unlink()
    with open_feedback(campaign.settings) as again:
        assert again.deliveries.index() == count


def test_a_run_that_is_gone_names_nobody(campaign: Any, feedback: Feedback) -> None:
    raw = next(iter(campaign.messages.values()))
    feedback.deliveries.index()
    key = feedback.tokens.key_of(token(raw), TokenUse.UNSUBSCRIBE)
    assert key is not None
    shutil.rmtree(campaign.settings.runs / "first")
    assert feedback.deliveries.find(key) is None


def test_a_run_whose_secret_is_gone_is_told(campaign: Any) -> None:
    manifest = campaign.settings.runs / "first" / "manifest.json"
    manifest.write_text(re.sub(r'"origin": "[^"]*"', '"origin": "/nowhere"', manifest.read_text()))
    with open_feedback(campaign.settings) as feedback:
        assert feedback.deliveries.index() == 0
        assert "secret" in feedback.deliveries.faults["first"]


def test_unknown_keys(feedback: Feedback) -> None:
    assert feedback.deliveries.find(bytes(16)) is None
    assert feedback.deliveries.find_message_id("x") is None


def test_many_first_requests_all_know_the_secret(campaign: Any) -> None:
    raw = next(iter(campaign.messages.values()))
    with open_feedback(campaign.settings) as feedback, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(feedback.tokens.key_of, token(raw), TokenUse.UNSUBSCRIBE) for _ in range(8)]
        assert None not in [each.result() for each in asked]


def test_found_while_another_thread_takes_it_in(campaign: Any) -> None:
    """Whoever asks first waits for the index, whoever makes it."""
    raw = next(iter(campaign.messages.values()))
    for _ in range(20):
        (campaign.settings.stores_folder / "deliveries.sqlite").unlink(missing_ok=True)
        with open_feedback(campaign.settings) as feedback, ThreadPoolExecutor(4) as pool:
            key = feedback.tokens.key_of(token(raw), TokenUse.UNSUBSCRIBE)
            assert key is not None
            indexing = [pool.submit(feedback.deliveries.index) for _ in range(2)]
            finding = [pool.submit(feedback.deliveries.find, key) for _ in range(2)]
            assert all(each.result() is not None for each in finding)
            assert sum(each.result() for each in indexing) <= len(campaign.messages)
