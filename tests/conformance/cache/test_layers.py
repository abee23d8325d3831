import threading
from typing import Any

import pytest

MANY = 2_500


def test_records_come_in_the_order_asked_for_also_when_asked_for_twice(scene: Any) -> None:
    scene.keep({"a": "one", "b": "two"})
    assert scene.read(["b", "x", "a", "b"]) == ["two", None, "one", "two"]


def test_nothing_asked_nothing_given(scene: Any) -> None:
    assert scene.read([]) == []


def test_what_came_last_is_given(scene: Any) -> None:
    scene.keep({"a": "old"}, version=1)
    scene.keep({"a": "new"}, version=2)
    assert scene.read(["a"]) == ["new"]


def test_any_text_can_be_a_name_and_a_value(scene: Any) -> None:
    texts = dict(zip(scene.odd, ["y" * 500, "", "ä𝄞\n", "' --", "z"], strict=False))
    scene.keep(texts)
    assert scene.read([*texts]) == [*texts.values()]


def test_no_tenant_sees_another_ones(scene: Any) -> None:
    scene.keep({"x": "of a", "b:x": "of a, b"}, tenant="a")
    scene.keep({"x": "of a:b"}, tenant="a:b")
    assert scene.read(["x", "b:x"], tenant="a") == ["of a", "of a, b"]
    assert scene.read(["x", "b:x"], tenant="a:b") == ["of a:b", None]
    assert scene.read(["x", "b:x"], tenant="b") == scene.read(["x", "b:x"], tenant="2:a") == [None, None]


def test_many_at_once(scene: Any) -> None:
    texts = {f"name {number}": f"text {number}" for number in range(MANY)}
    scene.keep(texts)
    assert scene.read([*texts]) == [*texts.values()]


def test_several_threads_at_once(scene: Any) -> None:
    texts = {f"name {number}": f"text {number}" for number in range(200)}
    scene.keep(texts)
    got: list[list[str | None]] = []
    threads = [threading.Thread(target=lambda: got.append(scene.read([*texts]))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert got == [[*texts.values()]] * 4


def test_what_was_invalidated_is_gone_and_the_rest_is_there(keeper: Any) -> None:
    keeper.keep({"a": "one", "b": "two"}, version=3)
    keeper.keep({"a": "other"}, version=3, tenant="b")
    keeper.layer.invalidate(keeper.spaces["a"].keys(["a", "unknown"]), 4)
    assert keeper.read(["a", "b", "unknown"]) == [None, "two", None]
    assert keeper.read(["a"], tenant="b") == ["other"]


@pytest.mark.parametrize("version", [4, 5])
def test_what_is_as_new_as_an_invalidation_can_be_kept_after_it(keeper: Any, version: int) -> None:
    keeper.keep({"a": "old"}, version=3)
    keeper.layer.invalidate(keeper.spaces["a"].keys(["a"]), 4)
    keeper.keep({"a": "new"}, version=version)
    assert keeper.read(["a"]) == ["new"]


def test_many_are_invalidated_at_once(keeper: Any) -> None:
    texts = {f"name {number}": f"text {number}" for number in range(MANY)}
    keeper.keep(texts)
    keeper.layer.invalidate(keeper.spaces["a"].keys([*texts]), 2)
    assert keeper.read([*texts]) == [None] * MANY
