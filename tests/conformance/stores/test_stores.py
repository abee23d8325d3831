"""What every store of people must do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pyarrow as pa
import pytest

from engine.audience.store import EVENTS, INSTANT, MEMBERSHIPS, USERS, Store, Write

AT = 1_770_000_000_000_000
_names = count()


def write(sequence: int = 1) -> Write:
    """A write that nobody else has made."""
    return Write("run", "step", f"key {next(_names)}", sequence)


def batch(schema: pa.Schema, *rows: dict[str, Any]) -> pa.RecordBatch:
    """Rows with those of the schema's columns that the first one names."""
    fields = [field for field in schema if field.name in rows[0]]
    return pa.RecordBatch.from_arrays(
        [pa.array([row.get(field.name) for row in rows], field.type) for field in fields], schema=pa.schema(fields)
    )


def users(*rows: dict[str, Any]) -> pa.RecordBatch:
    return batch(USERS, *rows)


def attributes(**people: dict[str, Any]) -> pa.RecordBatch:
    return users(*({"user_id": name, "attributes": json.dumps(values)} for name, values in people.items()))


def membership(user: str, value: str, active: bool = True, type: str = "behavioral", at: int = AT) -> dict[str, Any]:
    return {"user_id": user, "segment_type": type, "segment_value": value, "active": active, "created_at": at}


def event(id: str, user: str = "ann", type: str = "opened", at: int = AT, **more: Any) -> dict[str, Any]:
    return {"event_id": id, "user_id": user, "event_type": type, "event_time": at, "campaign_id": None, **more}


def ids(*names: str) -> pa.StringArray:
    return pa.array(names, pa.string())


def kept(store: Store, user: str = "ann") -> dict[str, Any]:
    """A user, with instants as microseconds and attributes as an object, without the version."""
    found = store.users(ids(user))
    assert found.num_rows == 1
    row = {
        name: found.column(name).cast(pa.int64())[0].as_py() if kind == INSTANT else found.column(name)[0].as_py()
        for name, kind in zip(found.schema.names, found.schema.types, strict=True)
    }
    return {**row, "attributes": json.loads(row["attributes"]), "version": None}


def told(store: Store, user: str = "ann") -> dict[str, Any]:
    """A user's attributes."""
    found: dict[str, Any] = kept(store, user)["attributes"]
    return found


def test_who_is_put_is_read_as_they_were_put(store: Store) -> None:
    ann = {
        **{"user_id": "ann", "email": "ann@example.com", "first_name": "Ann", "subscription_status": "active"},
        **{"time_zone": "Europe/Vienna", "created_at": AT, "last_activity": AT + 1},
        "attributes": '{"tier": "gold", "visits": 3, "score": 1.5, "tags": ["a", null], "deep": {"x": null}, "yes": true}',
    }
    bob = {"user_id": "bob"}
    assert store.put_users(users(ann, bob), write()) == 2
    assert store.users(ids("ann")).schema.equals(USERS)
    assert kept(store) == {**ann, "attributes": json.loads(ann["attributes"]), "version": None}
    assert kept(store, "bob") == {**dict.fromkeys(USERS.names), "user_id": "bob", "attributes": {}}


def test_people_come_by_their_ids_once_each_and_those_unknown_are_left_out(store: Store) -> None:
    store.put_users(users({"user_id": "b"}, {"user_id": "ä"}, {"user_id": "a"}, {"user_id": "B"}), write())
    asked = ids("b", "a", "nobody", "b", "ä", "B", "with\0nul", "x" * 600)
    assert store.users(asked).column("user_id").to_pylist() == ["B", "a", "b", "ä"]
    assert store.users(ids()).num_rows == 0


def test_everybody_is_met_page_by_page(store: Store) -> None:
    names = ["b", "ä", "a", "B", "z", "\U0001f600", "c"]
    store.put_users(users(*({"user_id": name, "attributes": '{"n": 1}'} for name in names)), write())
    pages, after = [], ""
    while (page := store.page(after, 3)).num_rows:
        pages.append(page.column("user_id").to_pylist())
        after = pages[-1][-1]
    assert pages == [["B", "a", "b"], ["c", "z", "ä"], ["\U0001f600"]]
    assert store.page("b", 3).equals(store.users(ids("c", "z", "ä")))
    assert store.page("bb", 1).column("user_id").to_pylist() == ["c"]


def test_columns_that_are_not_given_stay_and_those_given_as_null_do_not(store: Store) -> None:
    store.put_users(users({"user_id": "ann", "email": "old@example.com", "first_name": "Ann"}), write())
    assert store.put_users(users({"user_id": "ann", "email": "new@example.com"}), write()) == 1
    assert (kept(store)["email"], kept(store)["first_name"]) == ("new@example.com", "Ann")
    assert store.put_users(users({"user_id": "ann", "first_name": None}), write()) == 1
    assert (kept(store)["email"], kept(store)["first_name"]) == ("new@example.com", None)


def test_attributes_that_are_put_replace_those_that_were_there(store: Store) -> None:
    store.put_users(attributes(ann={"a": 1, "b": 2}), write())
    assert store.put_users(attributes(ann={"b": 3, "gone": None}), write()) == 1
    assert told(store) == {"b": 3}
    assert store.put_users(users({"user_id": "ann", "attributes": None}), write()) == 1
    assert told(store) == {}


def test_attributes_are_laid_over_name_by_name(store: Store) -> None:
    store.put_users(attributes(ann={"keep": [1], "change": {"x": 1, "y": 1}, "go": 1}), write())
    assert store.update_attributes(attributes(ann={"change": {"x": None}, "go": None, "new": "null"}), write()) == 1
    assert told(store) == {"keep": [1], "change": {"x": None}, "new": "null"}


def test_nobody_is_made_by_an_update(store: Store) -> None:
    assert store.update_attributes(attributes(nobody={"a": 1}), write()) == 0
    assert store.users(ids("nobody")).num_rows == 0


def test_only_what_is_another_value_counts_as_a_change(store: Store) -> None:
    store.put_users(users({"user_id": "ann", "email": "a@example.com", "attributes": '{"a": 1, "b": 2}'}), write())
    version = store.version()
    assert store.put_users(users({"user_id": "ann", "attributes": '{"b": 2, "a": 1}'}), write()) == 0
    assert store.put_users(users({"user_id": "ann", "email": "a@example.com"}), write()) == 0
    assert store.update_attributes(attributes(ann={"a": 1}), write()) == 0
    assert store.changed(version, 10) == []


def test_of_several_rows_for_a_cell_the_last_one_holds(store: Store) -> None:
    rows = [{"user_id": "ann", "email": f"{n}@example.com"} for n in range(3)]
    assert store.put_users(users(*rows, {"user_id": "bob", "email": None}), write()) == 2
    assert kept(store)["email"] == "2@example.com"
    laid = [
        {"user_id": "ann", "attributes": json.dumps(each)} for each in ({"a": 1, "b": 1}, {"a": 2, "c": 1}, {"c": None})
    ]
    assert store.update_attributes(users(*laid), write()) == 1
    assert told(store) == {"a": 2, "b": 1}
    assert (
        store.put_memberships(batch(MEMBERSHIPS, membership("ann", "v"), membership("ann", "v", False)), write()) == 1
    )
    assert store.memberships(ids("ann")).num_rows == 0


def test_a_repeat_under_the_same_name_changes_nothing(store: Store) -> None:
    first, other = write(), write()
    assert store.put_users(attributes(ann={"a": 1}), first) == 1
    assert store.update_attributes(attributes(ann={"a": 2}), other) == 1
    for again in (first, other):
        version = store.version()
        assert store.put_users(attributes(ann={"a": 9}, bob={}), again) == 0
        assert store.update_attributes(attributes(ann={"a": 9}), again) == 0
        assert store.put_memberships(batch(MEMBERSHIPS, membership("ann", "v")), again) == 0
        assert store.changed(version, 10) == []
    assert told(store) == {"a": 2}
    assert store.users(ids("bob")).num_rows == 0


def test_a_write_that_comes_late_does_nothing_to_what_a_later_one_has_written(store: Store) -> None:
    store.put_users(users({"user_id": "ann", "email": "1@example.com"}), write(1))
    store.put_users(users({"user_id": "ann", "email": "5@example.com"}), write(5))
    late = {"user_id": "ann", "email": "3@example.com", "first_name": "Ann"}
    assert store.put_users(users(late), write(3)) == 1  # the name
    assert (kept(store)["email"], kept(store)["first_name"]) == ("5@example.com", "Ann")


def test_attributes_that_come_late_fill_what_no_later_write_has_written(store: Store) -> None:
    store.put_users(attributes(ann={"a": 0, "b": 0}), write(1))
    store.update_attributes(attributes(ann={"a": 5, "gone": None}), write(5))
    assert store.update_attributes(attributes(ann={"a": 3, "b": 3, "c": 3, "gone": 3}), write(3)) == 1
    assert told(store) == {"a": 5, "b": 3, "c": 3}
    assert store.put_users(attributes(ann={"a": 4, "d": 4, "gone": 4}), write(4)) == 1
    assert told(store) == {"a": 5, "d": 4}
    assert store.update_attributes(attributes(ann={"b": 2, "d": 2}), write(2)) == 0
    assert told(store) == {"a": 5, "d": 4}


def test_memberships_are_those_that_are_active(store: Store) -> None:
    entered = [membership("bob", "v"), membership("ann", "w"), membership("ann", "v"), membership("ann", "x", False)]
    assert store.put_memberships(batch(MEMBERSHIPS, *entered), write(1)) == 4
    found = store.memberships(ids("bob", "ann", "nobody"))
    assert found.schema.equals(MEMBERSHIPS)
    assert found.equals(batch(MEMBERSHIPS, entered[2], entered[1], entered[0]))
    assert store.put_memberships(batch(MEMBERSHIPS, membership("ann", "v", False)), write(3)) == 1
    assert store.put_memberships(batch(MEMBERSHIPS, membership("ann", "v", True)), write(2)) == 0
    assert store.put_memberships(batch(MEMBERSHIPS, membership("ann", "w")), write(3)) == 0
    assert store.memberships(ids("ann")).column("segment_value").to_pylist() == ["w"]


def test_active_members_are_found_the_latest_first(store: Store) -> None:
    active = {"subscription_status": "active", "first_name": "N", "last_activity": AT}
    people = [
        {"user_id": "late", "email": "late@example.com", **active, "last_activity": AT + 1},
        {"user_id": "b", "email": None, **active},
        {"user_id": "a", "email": "a@example.com", **active},
        {"user_id": "left", "email": None, **active},
        {"user_id": "other", "email": None, **active},
        {"user_id": "gone", "email": None, **active, "subscription_status": "unsubscribed"},
        {"user_id": "idle", "email": None, **active, "last_activity": AT - 1},
        {"user_id": "never", "email": None, **active, "last_activity": None},
    ]
    store.put_users(users(*people), write())
    entered = [
        membership(each["user_id"], "v", each["user_id"] != "left") for each in people if each["user_id"] != "other"
    ]
    more = [membership("a", "w", type="demographic"), membership("a", "u"), membership("other", "v", type="lifecycle")]
    store.put_memberships(batch(MEMBERSHIPS, *entered, *more), write())
    found = [
        tuple(row.values())
        for rows in store.active_members(["behavioral", "demographic"], AT)
        for row in rows.to_pylist()
    ]
    assert found == [
        ("late", "late@example.com", "N", "behavioral", "v"),
        ("a", "a@example.com", "N", "behavioral", "u"),
        ("a", "a@example.com", "N", "behavioral", "v"),
        ("a", "a@example.com", "N", "demographic", "w"),
        ("b", None, "N", "behavioral", "v"),
    ]
    assert [*store.active_members([], AT)] == []


def test_active_members_come_in_batches_that_can_be_left(store: Store) -> None:
    number = 20_000
    names = pa.array([f"user {n:05}" for n in range(number)])
    rows = {
        "user_id": names,
        "subscription_status": pa.array(["active"] * number),
        "last_activity": pa.array([AT] * number, INSTANT),
    }
    store.put_users(pa.record_batch(rows), write())
    types = pa.array(["behavioral"] * number)
    entered = {"user_id": names, "segment_type": types, "segment_value": types, "active": pa.array([True] * number)}
    store.put_memberships(pa.record_batch({**entered, "created_at": rows["last_activity"]}), write())
    reading = store.active_members(["behavioral"], AT)
    first = next(iter(reading))
    assert 0 < first.num_rows < number
    assert isinstance(reading, Iterator)
    del reading
    assert store.version() > 0
    assert sum(each.num_rows for each in store.active_members(["behavioral"], AT)) == number


def test_changes_are_told_by_version(store: Store) -> None:
    assert (store.version(), store.changed(0, 9)) == (0, [])
    store.put_users(users({"user_id": "ann"}, {"user_id": "bob"}), write())
    first = store.version()
    assert first > 0
    assert set(store.users(ids("ann", "bob")).column("version").to_pylist()) == {first}
    store.put_users(users({"user_id": "ann", "email": "a@example.com"}), write())
    store.put_memberships(batch(MEMBERSHIPS, membership("eve", "v"), membership("eve", "w")), write())
    assert sorted(store.changed(0, 3) or ()) == ["ann", "bob", "eve"]
    assert sorted(store.changed(first, 3) or ()) == ["ann", "eve"]
    assert store.changed(0, 2) is None
    assert store.changed(store.version(), 0) == []
    assert store.users(ids("bob")).column("version").to_pylist() == [first]


def test_a_change_that_concerns_very_many_is_told_as_such(store: Store) -> None:
    number = 50_001
    store.put_users(users({"user_id": "first"}), write())
    before = store.version()
    store.put_users(pa.record_batch({"user_id": [str(n) for n in range(number)]}), write())
    assert store.changed(before, 10 * number) is None
    after = store.version()
    store.put_users(users({"user_id": "last"}), write())
    assert store.changed(after, 10) == ["last"]


def test_tenants_with_the_same_ids_do_not_meet(store: Store, open_store: Callable[[str], Store], tenant: str) -> None:
    other, same = open_store(tenant + " other"), write()
    for each, name in ((store, "one"), (other, "two")):
        row = {"user_id": "ann", "first_name": name, "subscription_status": "active", "last_activity": AT}
        assert each.put_users(users(row), same) == 1
        assert each.update_attributes(attributes(ann={"of": name}), Write("run", "update", "key", 9)) == 1
        member = batch(MEMBERSHIPS, membership("ann", name))
        assert each.put_memberships(member, Write("run", "members", "key", 9)) == 1
        assert each.put_events(batch(EVENTS, event("1", type=name))) == 1
    for each, name in ((store, "one"), (other, "two")):
        assert (kept(each)["first_name"], told(each)) == (name, {"of": name})
        assert each.memberships(ids("ann")).column("segment_value").to_pylist() == [name]
        assert each.events(0, 9)[0].column("event_type").to_pylist() == [name]
        assert each.events_of(ids("ann"), ["one", "two"], 0).column("event_type").to_pylist() == [name]
        found = [row["segment_value"] for rows in each.active_members(["behavioral"], AT) for row in rows.to_pylist()]
        assert found == [name]
        assert each.changed(0, 9) == ["ann"]
    third = open_store(tenant + " third")
    assert (third.version(), third.changed(0, 9)) == (0, [])
    assert third.events(0, 9)[0].num_rows == 0
    third.close()
    other.close()


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE users; --", '"', "\\", "%(tenant)s", "?1", "\u00e9\U0001f600", "a\nb", "{}"]
)
def test_any_text_is_kept_as_it_is(store: Store, text: str) -> None:
    row = {"user_id": text, "first_name": text, "attributes": json.dumps({text: text})}
    assert store.put_users(users(row), write()) == 1
    assert store.update_attributes(attributes(**{text: {"again " + text: [text]}}), write()) == 1
    assert store.put_memberships(batch(MEMBERSHIPS, membership(text, text)), write()) == 1
    assert store.put_events(batch(EVENTS, event(text, text, text))) == 1
    assert kept(store, text)["first_name"] == text
    assert told(store, text) == {text: text, "again " + text: [text]}
    assert store.memberships(ids(text)).column("segment_value").to_pylist() == [text]
    assert store.events_of(ids(text), [text], 0).column("event_id").to_pylist() == [text]
    assert store.changed(0, 9) == [text]


def test_numbers_keep_their_value(store: Store) -> None:
    numbers = [0, -1, 2**63, 10**200, 0.1, 1.5e-300, -2.5e300, 123456789.123456789]
    store.put_users(attributes(ann={"n": numbers}), write())
    store.update_attributes(attributes(ann={"m": numbers}), write())
    for values in told(store).values():  # a database may make a whole number of 2.5e300
        assert [*map(float, values)] == [*map(float, numbers)]
    assert told(store)["n"][:4] == numbers[:4]


def test_the_longest_values_are_kept(store: Store) -> None:
    longest = "\u00e9" * 256
    made = users({"user_id": longest, "email": longest, "first_name": longest, "subscription_status": longest})
    assert store.put_users(made, write()) == 1
    assert store.put_memberships(batch(MEMBERSHIPS, membership(longest, longest, type=longest)), write()) == 1
    assert store.put_events(batch(EVENTS, event(longest, longest, longest, campaign_id=longest))) == 1
    large = json.dumps({"a": "x" * 65_000})
    assert store.update_attributes(users({"user_id": longest, "attributes": large}), write()) == 1
    assert len(told(store, longest)["a"]) == 65_000


def test_writers_at_once_leave_what_one_after_another_would(open_store: Callable[[str], Store], tenant: str) -> None:
    """Each of several stores writes its own names in the same people, and one name that all write, in an order of its own."""
    writers, rounds, people = 4, 5, 40
    opened = [open_store(tenant) for _ in range(writers)]
    opened[0].put_users(users(*({"user_id": f"u{n}"} for n in range(people))), write(0))

    def work(number: int) -> None:
        for turn in range(rounds):
            sequence = 1 + turn * writers + number
            order = range(people) if number % 2 else reversed(range(people))
            values = {f"u{n}": {f"w{number}": turn, "all": sequence} for n in order}
            opened[number].update_attributes(attributes(**values), write(sequence))
            opened[number].put_events(
                batch(EVENTS, *(event(f"{number} {turn} {n}") for n in range(20)), event(f"all {turn}"))
            )

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, range(writers)))
    expected = {**{f"w{number}": rounds - 1 for number in range(writers)}, "all": rounds * writers}
    assert all(told(opened[0], f"u{n}") == expected for n in (0, people // 2, people - 1))
    assert opened[0].events(0, 10_000)[0].num_rows == writers * rounds * 20 + rounds
    for each in opened:
        each.close()


def test_what_was_written_is_there_for_whoever_opens_it_next(open_store: Callable[[str], Store], tenant: str) -> None:
    first = open_store(tenant)
    first.put_users(attributes(ann={"a": 1}), write())
    first.close()
    second = open_store(tenant)
    assert told(second) == {"a": 1}
    second.close()
