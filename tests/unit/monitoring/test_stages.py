import pytest

from engine.monitoring import Stages


def test_seconds_and_rows_add_up_over_workers() -> None:
    ticks = iter([0.0, 2.0, 10.0, 13.0])
    mine, theirs = Stages(lambda: next(ticks)), Stages(lambda: next(ticks))
    with mine.timed("render", 100):
        pass
    with theirs.timed("render", 50):
        pass
    mine.merge(theirs.as_dict())
    assert mine.as_dict() == {"render": {"seconds": 5.0, "rows": 150}}


def test_a_failed_stage_is_counted_too() -> None:
    ticks = iter([1.0, 4.0])
    stages = Stages(lambda: next(ticks))
    with pytest.raises(ValueError, match="broken"), stages.timed("send", 1):
        raise ValueError("broken")
    assert stages.as_dict()["send"]["seconds"] == 3.0
