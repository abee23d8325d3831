from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.adapters.stores.run_control import LOOK_SECONDS, Order, RunControl
from engine.errors import RefusedError, TryAgainError

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_an_order_is_seen_by_everybody_and_lifted(tmp_path: Path) -> None:
    now = 0.0
    sender, person = RunControl(tmp_path, lambda: now), RunControl(tmp_path)
    assert not sender.stopped()
    person.give(Order.PAUSE, AT)
    now += LOOK_SECONDS
    assert (sender.stopped(), sender.order()) == (True, Order.PAUSE)
    with pytest.raises(TryAgainError):
        sender.check()
    sender.lift()
    now += LOOK_SECONDS
    assert (sender.stopped(), sender.order()) == (False, None)
    sender.check()


def test_a_cancelled_run_stays_cancelled(tmp_path: Path) -> None:
    control = RunControl(tmp_path)
    control.give(Order.PAUSE, AT)
    control.give(Order.CANCEL, AT)
    for forbidden in (lambda: control.give(Order.PAUSE, AT), control.lift, control.check):
        with pytest.raises(RefusedError):
            forbidden()
    assert control.order() is Order.CANCEL


@pytest.mark.parametrize("content", [b"", b"{", b'{"order": "dance"}', b"[]", b"\xff"])
def test_a_damaged_order_is_a_pause(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "control.json").write_bytes(content)
    assert RunControl(tmp_path).order() is Order.PAUSE
