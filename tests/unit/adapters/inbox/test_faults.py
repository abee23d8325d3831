from __future__ import annotations

from collections import Counter

from engine.adapters.inbox.faults import Fault, draw, fault_of
from engine.adapters.inbox.settings import Faults

RECIPIENTS = [f"customer{number}@example.com" for number in range(2_000)]


def test_the_fractions_are_met() -> None:
    drawn = Counter(fault_of(each, Faults(temporary=0.25, closing=0.5)) for each in RECIPIENTS)
    assert drawn.keys() == {Fault.TEMPORARY, Fault.CLOSING, None}
    # Binomial, n = 2000: five standard deviations are at most 112.
    assert abs(drawn[Fault.TEMPORARY] - 500) < 112
    assert abs(drawn[Fault.CLOSING] - 1_000) < 112


def test_a_fault_depends_on_the_seed_and_the_address_alone() -> None:
    first, second = Faults(seed=1, temporary=0.5), Faults(seed=2, temporary=0.5)
    forwards = {each: fault_of(each, first) for each in RECIPIENTS}
    backwards = {each: fault_of(each.upper(), first) for each in reversed(RECIPIENTS)}
    assert forwards == backwards
    assert forwards != {each: fault_of(each, second) for each in RECIPIENTS}


def test_a_permanent_fault_is_met_each_time_and_any_other_once() -> None:
    meet = draw(Faults(permanent=1.0))
    assert [meet("a@example.com"), meet("a@example.com")] == [Fault.PERMANENT, Fault.PERMANENT]
    meet = draw(Faults(drop_after_dot=1.0))
    assert [meet("a@example.com"), meet("A@example.com"), meet("b@example.com")] == [
        Fault.DROP_AFTER_DOT,
        None,
        Fault.DROP_AFTER_DOT,
    ]
