import threading
from dataclasses import replace

import pyarrow as pa

from engine.audience.suppression import GLOBAL, LiveSuppression, Suppression, SuppressionReason, SuppressionStore


def entry(address: str, list: str = GLOBAL, reason: SuppressionReason = SuppressionReason.UNSUBSCRIBED) -> Suppression:
    return Suppression(address, list, reason, "one-click", 1_700_000_000_000_000)


def all_of(store: SuppressionStore, list: str) -> set[str]:
    return {address for column in store.suppressed(list) for address in column.to_pylist()}


def test_what_was_added_comes_back_in_normal_form(store: SuppressionStore) -> None:
    assert store.add([entry(" Ann@Example.COM "), entry("ben@example.com", "news")]) == 2
    assert [*store.entries()] == [entry("ann@example.com"), entry("ben@example.com", "news")]
    assert [*store.entries("news")] == [entry("ben@example.com", "news")]
    assert [*store.entries(GLOBAL)] == [entry("ann@example.com")]


def test_a_global_entry_holds_on_every_list_and_another_on_its_own(store: SuppressionStore) -> None:
    store.add([entry("ann@example.com"), entry("ben@example.com", "news"), entry("ann@example.com", "news")])
    both = ["ann@example.com", "ben@example.com", "zoe@example.com"]
    assert store.among(both, "news") == all_of(store, "news") == {"ann@example.com", "ben@example.com"}
    assert store.among(both, "offers") == all_of(store, "offers") == {"ann@example.com"}
    assert store.among(both, GLOBAL) == all_of(store, GLOBAL) == {"ann@example.com"}


def test_the_first_reason_stays_until_it_is_removed(store: SuppressionStore) -> None:
    first, second = entry("ann@example.com"), entry("ann@example.com", reason=SuppressionReason.BOUNCED)
    assert store.add([first]) == 1
    assert store.add([second]) == 0
    assert [*store.entries()] == [first]
    assert store.remove(["ANN@example.com", "zoe@example.com"], "news") == 0
    assert store.remove(["ANN@example.com", "zoe@example.com"], GLOBAL) == 1
    assert [*store.entries()] == [] and all_of(store, GLOBAL) == set()
    assert store.add([second]) == 1
    assert [*store.entries()] == [second]


def test_nothing_at_all_may_be_asked(store: SuppressionStore) -> None:
    assert store.add([]) == store.remove([], GLOBAL) == 0
    assert store.among([], GLOBAL) == set()
    assert [*store.entries()] == [] and all_of(store, "news") == set()


def test_many_come_back_page_by_page(store: SuppressionStore) -> None:
    many = {f"to{number:05d}@example.com" for number in range(20_000)}
    assert store.add([entry(each) for each in many]) == 20_000
    assert all_of(store, "news") == many == {each.address for each in store.entries()}


def test_a_version_tells_what_changed_after_it(store: SuppressionStore) -> None:
    start = store.version()
    store.add([entry("ann@example.com")])
    middle = store.version()
    store.add([entry("ben@example.com", "news")])
    store.remove(["ann@example.com"], GLOBAL)
    assert start < middle < store.version()
    assert set(store.changed(start, 10) or ()) == {"ann@example.com", "ben@example.com"}
    assert set(store.changed(middle, 10) or ()) == {"ann@example.com", "ben@example.com"}
    assert store.changed(store.version(), 10) == []
    assert store.changed(start, 1) is None


def test_addresses_need_not_be_plain(store: SuppressionStore) -> None:
    odd = 'jörg"[x]\\@exämple.com'
    store.add([entry(odd)])
    assert store.among([odd], GLOBAL) == {odd}


def test_a_live_view_follows_what_is_added_and_removed(store: SuppressionStore) -> None:
    store.add([entry("to1@example.com"), entry("to2@example.com", "news"), entry("to3@example.com", "offers")])
    recipients = pa.array([f" To{number}@example.com" for number in range(6)])
    live = LiveSuppression(store, "news", recipients)

    def seen() -> list[int]:
        live.refresh()
        return [row for row in range(6) if live.holds(row)]

    assert seen() == [1, 2]
    store.add([entry("to5@example.com"), entry("somebody@example.com")])
    assert seen() == [1, 2, 5]
    store.remove(["to1@example.com"], GLOBAL)
    store.add([entry("to2@example.com")])
    store.remove(["to2@example.com"], "news")
    assert seen() == [2, 5]
    store.remove(["to2@example.com"], GLOBAL)
    assert seen() == [5]


def test_a_live_view_takes_in_a_great_change(store: SuppressionStore) -> None:
    recipients = pa.array([f"to{number}@example.com" for number in range(10_000)])
    live = LiveSuppression(store, "news", recipients)
    live.refresh()
    assert not any(live.holds(row) for row in range(10_000))
    store.add([entry(f"to{number}@example.com") for number in range(1, 24_000, 2)])
    live.refresh()
    assert [live.holds(row) for row in range(10_000)] == [row % 2 for row in range(10_000)]


def test_nothing_is_lost_when_many_write_at_once(store: SuppressionStore) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            store.add([replace(entry(f"to{writer}-{number}@example.com"), source=str(writer))])

    writers = [threading.Thread(target=write, args=(each,)) for each in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert len([*store.entries()]) == 80
