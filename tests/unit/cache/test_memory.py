import tracemalloc

from engine.cache.memory import MemoryLayer


def test_the_bound_holds_and_the_least_recently_used_go_first() -> None:
    layer = MemoryLayer(3_000)
    layer.put_many(["a", "b", "c"], [b"x" * 500] * 3)
    layer.get_many(["a"])
    layer.put_many(["d", "e"], [b"x" * 500] * 2)
    assert [record is not None for record in layer.get_many(["a", "b", "c", "d", "e"])] == [
        True,
        False,
        False,
        True,
        True,
    ]
    assert 0 < layer.held <= 3_000


def test_what_is_larger_than_all_room_is_not_kept_and_displaces_nothing_else() -> None:
    layer = MemoryLayer(2_000)
    layer.put_many(["a", "b"], [b"x" * 500, b"x" * 500])
    layer.put_many(["c", "b"], [b"x" * 5_000] * 2)
    assert layer.get_many(["a", "b", "c"]) == [b"x" * 500, None, None]


def test_what_is_replaced_and_forgotten_gives_its_room_back() -> None:
    layer = MemoryLayer(10_000)
    layer.put_many(["a", "a", "b"], [b"x" * 900, b"y", b"z"])
    held = layer.held
    layer.invalidate(["a", "unknown"], 1)
    layer.clear("b")
    assert held < 900 and layer.held == 0 == len(layer)


def test_clear_forgets_one_beginning_only() -> None:
    layer = MemoryLayer(10_000)
    layer.put_many(["one:a", "two:a"], [b"x", b"y"])
    layer.clear("one:")
    assert layer.get_many(["one:a", "two:a"]) == [None, b"y"]


def test_no_more_memory_is_taken_than_is_counted() -> None:
    for count in (1_000, 22_000, 44_000):
        tracemalloc.start()
        layer = MemoryLayer(1 << 30)
        layer.put_many([f"key of record {n:08d}" for n in range(count)], [b"x" * (100 + n % 50) for n in range(count)])
        taken = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert layer.held * 0.6 < taken <= layer.held
