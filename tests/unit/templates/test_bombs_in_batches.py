"""A template beyond the sandbox's limits costs a batch a few rows' work, and the other rows go on."""

import pyarrow as pa

from engine.templates import Part, compile_parts
from engine.templates.sandbox import TemplateLimitError, campaign_environment

BOMB = "{% for a in range(n) %}{% for b in range(n) %}{% for c in range(n) %}{{ a + b + c }}{% endfor %}{% endfor %}{% endfor %}"


def render(sizes: list[int]):
    program = compile_parts(
        {"text": Part("Hello {{ n }}" + BOMB, "bomb.txt.j2", False)},
        environment=lambda autoescape: campaign_environment(autoescape=autoescape),
    )
    return program.render(pa.record_batch({"n": pa.array(sizes)}))


def test_every_row_of_a_bomb_is_an_error_that_names_the_template() -> None:
    rendered = render([900] * 2_000)
    assert rendered.errors.keys() == set(range(2_000))
    assert all(isinstance(error, TemplateLimitError) for error in rendered.errors.values())
    assert "bomb.txt.j2:1" in str(rendered.errors[1_999])


def test_rows_that_stay_within_the_limits_are_rendered() -> None:
    rendered = render([1, 900, 1, 900, 2, 1])
    assert rendered.errors.keys() == {1, 3}
