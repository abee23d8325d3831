"""The people of the store as the audience of a campaign: columns without a store, rows from it, and what a user gets wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engine.assembly.campaign import open_campaign
from engine.assembly.run import create_run
from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_store
from engine.audience.store import USERS, Write
from engine.errors import CampaignError, InputError, MissingInputError
from engine.monitoring import Stages

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
CAMPAIGN = """\
name: spring
type: welcome_series
audience:
  source: '{source}'
  key: {key}
  types: {{{types}}}
  where: subscription_status = 'active' AND tier <> 'none'{more}
segments:
  grown: born IS NOT NULL{segment}
workflow:
  - id: hello
    type: send_email
    template: hello
delivery:
  from: {{address: news@example.com}}
  unsubscribe: {{url: "https://example.com/u/"}}
  postal_address: 1 Main Street
  secret: file:secret.key
"""
TYPES = "tier: VARCHAR, born: DATE, lines: 'STRUCT(sku VARCHAR)[]'"


@pytest.fixture
def campaign(tmp_path: Path) -> Callable[..., Path]:
    def written(
        source: str = "store:", key: str = "user_id", types: str = TYPES, more: str = "", segment: str = ""
    ) -> Path:
        text = CAMPAIGN.format(source=source, key=key, types=types, more=more, segment=segment)
        (tmp_path / "templates").mkdir(exist_ok=True)
        (tmp_path / "secret.key").write_text("a secret of thirty-two characters")
        (tmp_path / "templates" / "hello.html.j2").write_text("{% for each in lines %}{{ each.sku }}{% endfor %}")
        (tmp_path / "templates" / "hello.subject.j2").write_text("Hello {{ first_name }}")
        (tmp_path / "campaign.yaml").write_text(text)
        return tmp_path

    return written


@pytest.fixture
def settings(tmp_path: Path) -> AppSettings:
    return AppSettings(runs=tmp_path / "runs", transport="rehearsal:")


class Silent:
    def phase(self, name: str, total: int) -> None: ...

    def done(self, rows: int, counts: Any) -> None: ...


def test_a_plan_reads_the_people_of_the_store(
    campaign: Callable[..., Path], settings: AppSettings, tmp_path: Path
) -> None:
    rows = [
        {"user_id": "c", "attributes": '{"tier": "gold", "born": "2000-02-29", "lines": [{"sku": "s1", "n": 1}]}'},
        {"user_id": "a", "first_name": "Ann", "attributes": '{"tier": "gold", "born": 20000229, "lines": "s1"}'},
        {"user_id": "b", "attributes": "{}"},
        {"user_id": "d", "subscription_status": "unsubscribed", "attributes": '{"tier": "gold"}'},
    ]
    columns = {name: [row.get(name, "active") for row in rows] for name in ("user_id", "subscription_status")}
    columns |= {name: [row.get(name) for row in rows] for name in ("first_name", "attributes")}
    with closing(open_store(settings.stores_at)) as store:
        store.put_users(pa.record_batch(columns), Write("run", "step", "key", 1))
    opened = create_run(open_campaign(campaign(), NOW, stores=settings.stores_at), tmp_path / "run", settings)
    selected = list(opened.selection().batches(opened.campaign.definition.audience, "user_id"))
    found = pa.Table.from_batches(selected).select(["user_id", "first_name", "tier", "born", "lines"]).to_pylist()
    assert [tuple(row.values()) for row in found] == [
        ("a", "Ann", "gold", None, None),
        ("c", None, "gold", date(2000, 2, 29), [{"sku": "s1"}]),
    ]
    frozen = opened.campaign_run(Stages(lambda: 0.0), Silent()).freeze(opened.selection())
    assert (frozen.source_rows, frozen.rows) == (4, 2)


def test_the_columns_are_known_without_a_store(campaign: Callable[..., Path], settings: AppSettings) -> None:
    opened = open_campaign(campaign(), NOW, stores=settings.stores_at)
    assert not settings.stores_at.folder.exists()
    assert set(opened.source.schema.names) == {*USERS.names, "tier", "born", "lines"} - {"attributes", "version"}
    with pytest.raises(MissingInputError, match="MR390") as caught:
        list(opened.selection().batches(opened.definition.audience, "user_id"))
    assert "mailray ingest customers" in str(caught.value)
    assert not settings.stores_at.folder.exists()


@pytest.mark.parametrize(
    ("said", "code", "place", "help"),
    [
        ({"key": "email"}, "MR391", "campaign.yaml:5:8", "key: user_id"),
        ({"source": "store://people"}, "MR391", "campaign.yaml:4:11", "write `store:`"),
        ({"more": "\n  query: SELECT 1"}, "MR391", "campaign.yaml:8:3", "remove it"),
        ({"types": f"{TYPES}, email: VARCHAR"}, "MR392", "campaign.yaml:6:", "leave it out"),
        ({"types": f"{TYPES}, odd: THING"}, "MR384", "campaign.yaml:6:", "SQL type"),
        ({"types": f"{TYPES}, at: TIMESTAMP", "segment": "\n  late: at < now()"}, "MR376", "campaign.yaml:6:", "TIMESTAMPTZ"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(
    campaign: Callable[..., Path], said: dict[str, str], code: str, place: str, help: str
) -> None:
    with pytest.raises((CampaignError, InputError)) as caught:
        open_campaign(campaign(**said), NOW)
    (fault,) = caught.value.diagnostics
    assert (fault.code, help in (fault.help or "")) == (code, True), str(fault)
    assert place in str(fault), str(fault)
