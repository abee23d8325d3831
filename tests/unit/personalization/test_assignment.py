from engine.personalization.assignment import held_out, uniform

KEYS = [f"customer-{number}" for number in range(20_000)]


def test_an_answer_depends_on_the_key_and_the_purpose_alone() -> None:
    whole = uniform(KEYS, "holdout", "spring")
    assert [*uniform(KEYS[:7], "holdout", "spring"), *uniform(KEYS[7:], "holdout", "spring")] == whole.tolist()
    assert uniform(KEYS, "holdout", "autumn").tolist() != whole.tolist()


def test_purposes_cannot_run_together() -> None:
    assert uniform(KEYS[:9], "ab", "c").tolist() != uniform(KEYS[:9], "a", "bc").tolist()


def test_numbers_are_spread_over_the_unit_interval() -> None:
    numbers = uniform(KEYS, "spread")
    counts = [int(((numbers >= each / 10) & (numbers < (each + 1) / 10)).sum()) for each in range(10)]
    assert sum(counts) == len(KEYS)
    # Six standard deviations of a binomial with 20,000 draws and p = 0.1.
    assert all(abs(count - 2_000) < 255 for count in counts)


def test_purposes_are_independent() -> None:
    both = held_out(KEYS, "a", "", 50) & held_out(KEYS, "b", "", 50)
    assert abs(int(both.sum()) - 5_000) < 370


def test_bounds_of_the_holdout() -> None:
    assert not held_out(KEYS, "a", "", 0).any()
    assert held_out(KEYS, "a", "", 100).all()
