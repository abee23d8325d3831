"""People of the store as rows of an audience, near at hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from engine.audience.store import USERS
from engine.cache.figures import Figures
from engine.cache.memory import MemoryLayer
from engine.cache.policy import Policy
from engine.cache.space import Space
from engine.cache.stack import CacheStack, Surroundings
from engine.campaign.schema import Campaign
from engine.pipeline.automation.contract import LiveWorkflow
from engine.pipeline.automation.people import StoredPeople
from engine.pipeline.definition import PlanDefinition
from engine.workflow.definition import definition_of

AUDIENCE = pa.schema([("user_id", pa.string()), ("email", pa.string()), ("tier", pa.string()), ("born", pa.date32())])


class Origin:
    """People who are there to be read."""

    key = "user_id"
    schema = USERS

    def __init__(self, **people: str) -> None:
        self.people = people
        self.asked: list[str] = []
        self.changes: list[str] = []

    def read(self, names: Sequence[str]) -> pa.RecordBatch:
        self.asked += names
        rows = [
            {"user_id": name, "email": f"{name}@example.com", "attributes": self.people[name], "version": 1}
            for name in sorted(set(names) & self.people.keys())
        ]
        return pa.RecordBatch.from_pylist(rows, schema=USERS)

    def version(self) -> int:
        return 1 + len(self.changes)

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        return self.changes[since - 1 :] if since else None

    def write(self, name: str, attributes: str) -> None:
        """As another process does."""
        self.people[name] = attributes
        self.changes.append(name)


@pytest.fixture
def origin() -> Origin:
    return Origin(ann='{"tier": "gold", "born": "1990-03-01", "more": 1}', bob='{"tier": 3, "born": "today"}', cyd="{}")


@pytest.fixture
def people(origin: Origin) -> StoredPeople:
    around = Surroundings(lambda: 1_000_000, lambda: 0.0, lambda _: False)
    space = Space("tenant", "users", USERS)
    users = CacheStack(space, origin, MemoryLayer(1 << 20), None, Policy(ttl=60_000_000), Figures(), around)
    values: dict[str, Any] = {
        "name": "cart", "type": "abandoned_cart", "audience": {"source": "store:", "key": "user_id"},
        "workflow": [{"id": "offer", "type": "send_email", "template": "offer"}],
        "delivery": {"from": {"address": "news@example.com"}},
    }  # fmt: skip
    campaign = Campaign.model_validate(values, by_alias=True, by_name=False)
    definition = PlanDefinition(campaign, AUDIENCE, (), datetime(2026, 3, 1, tzinfo=UTC))
    return StoredPeople(users, {"cart": LiveWorkflow(definition, definition_of(campaign))})


def test_a_row_for_each_id_in_their_order_known_or_not(people: StoredPeople) -> None:
    ids = pa.array(["bob", "nobody", "ann", "bob", "who\0ever", "cyd"])
    rows, known = people.rows("cart", ids)
    assert rows.schema.equals(AUDIENCE)
    assert known.tolist() == [True, False, True, True, False, True]
    bob, cyd = ("bob", "bob@example.com", None, None), ("cyd", "cyd@example.com", None, None)
    ann = ("ann", "ann@example.com", "gold", date(1990, 3, 1))
    found = [tuple(row.values()) for row in rows.to_pylist()]
    assert found == [bob, ("nobody", None, None, None), ann, bob, ("who\0ever", None, None, None), cyd]
    rows, known = people.rows("cart", pa.array(["nobody"]))
    assert (rows.to_pylist()[0]["user_id"], known.tolist()) == ("nobody", [False])
    assert people.rows("cart", pa.array([], pa.string()))[0].num_rows == 0


def test_who_has_changed_is_read_anew(people: StoredPeople, origin: Origin) -> None:
    ids = pa.array(["ann", "cyd"])
    people.rows("cart", ids)
    origin.people["cyd"] = '{"tier": "silver"}'
    people.changed(["cyd"])
    assert people.rows("cart", ids)[0].column("tier").to_pylist() == ["gold", "silver"]
    assert origin.asked == ["ann", "cyd", "cyd"]


def test_what_another_process_has_written_is_read_and_nothing_else_anew(people: StoredPeople, origin: Origin) -> None:
    ids = pa.array(["ann", "cyd"])
    people.rows("cart", ids)
    origin.write("cyd", '{"tier": "silver"}')
    assert people.rows("cart", ids)[0].column("tier").to_pylist() == ["gold", "silver"]
    assert origin.asked == ["ann", "cyd", "cyd"]
