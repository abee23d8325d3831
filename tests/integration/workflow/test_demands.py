"""What a workflow asks of the place where it runs is looked at before anybody enters it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.assembly.campaign import open_campaign
from engine.assembly.workflow_demands import check_demands
from engine.campaign.load import load_campaign
from engine.errors import CampaignError, Diagnostic

EXAMPLE = Path(__file__).parents[3] / "examples" / "workflows" / "behavioral_trigger"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
URL = "https://kettle.example.com/api/coupons"
SET = "set: {favourite: event.name}"
Faults = Callable[..., list[Diagnostic]]


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    def found(old: str, new: str, *allowed: str) -> list[Diagnostic]:
        folder = tmp_path / "campaign"
        shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
        text = (EXAMPLE / "campaign.yaml").read_text(encoding="utf-8")
        assert old in text
        (folder / "campaign.yaml").write_text(text.replace(old, new), encoding="utf-8")
        try:
            check_demands(load_campaign(folder), allowed)
        except CampaignError as fault:
            return list(fault.diagnostics)
        return []

    return found


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.7/x",
        "https://169.254.169.254/latest",
        "https://LOCALHOST/x",
        "https://a.localhost/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://[::1]/x",
        "https://[::ffff:192.168.0.1]/x",
        "https://hook.example.com:8443/x",
    ],
)
def test_a_webhook_to_a_private_address_or_port_is_a_fault_where_it_stands(faults: Faults, url: str) -> None:
    (fault,) = faults(URL, url)
    assert fault.code == "MR144"
    assert fault.place is not None
    assert fault.place.excerpt == f"    url: {url}"
    assert "webhooks_allowed" in (fault.help or "")


def test_what_an_operator_allows_is_none(faults: Faults) -> None:
    assert faults(URL, "http://10.0.0.7:8080/x", "10.0.0.7:8080") == []
    assert faults(URL, "https://Hooks.localhost/x", "Hooks.LOCALHOST:443") == []
    assert faults(URL, "https://93.184.215.14/x") == []


def test_a_column_of_the_store_is_set_by_no_step(faults: Faults) -> None:
    """An attribute of that name would stand beside the column, and nobody would ever read it."""
    (fault,) = faults(SET, "set: {subscription_status: \"'unsubscribed'\"}")
    assert (fault.code, fault.place and fault.place.line) == ("MR393", 42)


def test_whoever_opens_a_campaign_is_told_with_all_else(faults: Faults, tmp_path: Path) -> None:
    faults(SET, "set: {email: unknown}")
    with pytest.raises(CampaignError) as caught:
        open_campaign(tmp_path / "campaign", NOW)
    assert [each.code for each in caught.value.diagnostics] == ["MR201", "MR393"]


def test_a_step_that_is_not_installed_is_told_before_anybody_comes_to_it(faults: Faults) -> None:
    (fault,) = faults(f"type: update_user_data, {SET}", "type: generic, uses: postcard")
    assert (fault.code, fault.message) == ("MR138", "the step `postcard` is not installed")
    assert fault.place is not None
