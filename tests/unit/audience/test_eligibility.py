import numpy as np
import pyarrow as pa

from engine.audience.eligibility import LABELS, Marks, Verdict, judge


def verdicts(
    email: list[str | None],
    *,
    duplicate: list[bool],
    suppressed: list[bool],
    subscribed: list[bool | None] | None,
    held_out: list[bool],
) -> list[str]:
    marks = Marks(np.array(duplicate), np.array(suppressed))
    column = None if subscribed is None else pa.array(subscribed, pa.bool_())
    return [LABELS[code] for code in judge(pa.array(email, pa.string()), marks, column, np.array(held_out))]


def test_each_row_keeps_its_first_reason() -> None:
    everything = [True] * 7
    email = [None, "broken", *["a@example.com"] * 5]
    got = verdicts(
        email,
        duplicate=[True, True, True, False, False, False, False],
        suppressed=[True, True, True, True, False, False, False],
        subscribed=[False, False, False, False, None, True, True],
        held_out=[*everything[:6], False],
    )
    assert got == [
        "missing_address",
        "invalid_address",
        "duplicate",
        "suppressed",
        "not_subscribed",
        "held_out",
        "eligible",
    ]


def test_without_a_column_everybody_is_subscribed() -> None:
    assert verdicts(["a@example.com"], duplicate=[False], suppressed=[False], subscribed=None, held_out=[False]) == [
        "eligible"
    ]


def test_every_verdict_has_a_label_in_its_place() -> None:
    assert [Verdict[label.upper()] for label in LABELS] == list(Verdict)
