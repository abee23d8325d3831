"""What is said of a template, and whom its cost is measured on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from engine.campaign.schema import Campaign
from engine.pipeline.definition import PlanDefinition
from engine.pipeline.explain import CHUNKS, LEAST_CHUNK, MOST_READ, MOST_SAMPLED, TemplateExplanation, explain, sample
from engine.templates.catalogue import catalogue_of

SCHEMA = pa.schema([("id", pa.int64()), ("email", pa.string()), ("ok", pa.bool_()), ("n", pa.int64())])
DEFINITION = PlanDefinition(
    Campaign.model_validate(
        {
            "name": "spring",
            "type": "nurture_sequence",
            "audience": {"source": "a.parquet", "key": "id", "subscribed": "ok"},
            "variables": {"brand": "Shop"},
            "workflow": [
                {
                    "id": "fork",
                    "type": "conditional_branch",
                    "branches": [{"when": "n < 5", "next": "few"}, {"when": "n < 0", "next": "none"}],
                    "else": "end",
                },
                {"id": "few", "type": "send_email", "template": "few", "next": "end"},
                {"id": "none", "type": "send_email", "template": "none"},
            ],
            "delivery": {"from": {"address": "news@example.com"}, "unsubscribe": {"url": "https://example.com/u/"}},
        },
        by_name=False,
    ),
    SCHEMA,
    ("n",),
    datetime(2026, 3, 1, 8, tzinfo=UTC),
)


def batch(rows: int = 100, first: int = 0) -> pa.RecordBatch:
    """Every tenth recipient is one for the template ``few`` and subscribed."""
    return pa.record_batch(
        {
            "id": pa.array(range(first, first + rows)),
            "email": pa.array([f"u{n}@example.com" for n in range(first, first + rows)]),
            "ok": pa.array([n % 2 == 0 for n in range(rows)]),
            "n": pa.array([0 if n % 5 == 0 else 9 for n in range(rows)]),
        },
        schema=SCHEMA,
    )


def explained(html: str, *batches: pa.RecordBatch) -> TemplateExplanation:
    catalogue = catalogue_of(["few"], {"few.html.j2": html, "few.subject.j2": "Hi", "few.txt.j2": "Hi {{ n }}"})
    ticks = itertools.count()
    sampled = sample(DEFINITION, ["few"], batches or (batch(),))
    [found] = explain(DEFINITION, catalogue.templates, sampled, lambda: next(ticks) / 1000)
    return found


def test_the_sample_is_of_those_to_whom_the_workflow_sends_the_template() -> None:
    sampled = sample(DEFINITION, ["few", "none"], [batch(), batch(first=100)])
    assert set(sampled) == {"few"}
    assert sampled["few"].column("recipient").to_pylist() == [str(n) for n in range(0, 200, 10)]


def test_no_more_is_read_than_the_sample_needs() -> None:
    read = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal read
        for _ in range(1000):
            read += 8_192
            yield batch(8_192, read)

    assert sample(DEFINITION, ["few"], batches())["few"].num_rows == MOST_SAMPLED
    assert MOST_SAMPLED <= read / 10 < MOST_SAMPLED + 8_192
    read = 0
    assert sample(DEFINITION, ["few", "none"], batches()).keys() == {"few"}
    assert read == MOST_READ


def test_lines_are_vectorised_or_folded_or_both() -> None:
    html = explained(
        "{{ brand }}\n{{ n }}\n{% if brand %}{{ brand ~ n }}{% endif %}\n<b>{{ n|money('EUR') }}</b>"
    ).parts[2]
    assert (html.part, html.file) == ("html", "few.html.j2")
    assert html.vectorised == {"few.html.j2": (2, 3, 4)}
    assert html.folded == {"few.html.j2": (1, 3)}
    assert html.per_distinct == (("few.html.j2", 4, "|money"),)
    assert html.fallbacks == ()


def test_what_is_constant_is_not_said_to_run_for_each_value() -> None:
    assert explained("{{ brand|wordwrap(3) }}").parts[2].per_distinct == ()


def test_a_fallback_is_told_with_its_line_and_reason_and_nothing_else_is() -> None:
    html = explained("{{ n }}\n{% for each in [n] recursive %}\n{{ each }}\n{% endfor %}\n{{ n }}").parts[2]
    assert [(each.template, each.line, each.what) for each in html.fallbacks] == [("few.html.j2", 2, "for")]
    assert "recursive" in html.fallbacks[0].why
    assert html.vectorised == {"few.html.j2": (1, 5)}


def test_parts_are_told_apart() -> None:
    subject, text, html = explained("{% for each in [n] recursive %}{{ each }}{% endfor %}").parts
    assert (len(subject.fallbacks), len(text.fallbacks), len(html.fallbacks)) == (0, 0, 1)
    assert (subject.vectorised, text.vectorised) == ({}, {"few.txt.j2": (1,)})


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("each.__class__", "SecurityError"),
        ("'x' * 99999999", "TemplateLimitError"),
        ("missing", "UndefinedError"),
        ("each|money('no such currency')", "ValueError"),
    ],
)
def test_fallbacks_are_in_the_campaigns_sandbox(expression: str, fault: str) -> None:
    loop = "{{% for each in [n] recursive %}}{{{{ {} }}}}{{% endfor %}}"
    found = explained(loop.format(expression))
    assert len(found.parts[2].fallbacks) == 1
    [(reason, count)] = found.faults.items()
    assert (count, fault in reason) == (10, True)
    assert explained(loop.format("each|money('EUR')")).faults == {}


@pytest.mark.parametrize(("messages", "size"), [(10, 10), (CHUNKS * LEAST_CHUNK, LEAST_CHUNK)])
def test_costs_are_microseconds_a_message(messages: int, size: int) -> None:
    found = explained("{{ n }}", batch(messages * 10))
    assert found.messages == messages
    # Each stage begins and ends with a tick of a millisecond; a block of bodies is a stage of its own.
    assert found.render == pytest.approx(1000 / size)
    assert found.mime == pytest.approx(2 * 1000 / size)
    assert [part.microseconds for part in found.parts] == [pytest.approx(1000 / size)] * 3


def test_what_nobody_is_sent_has_no_cost() -> None:
    catalogue = catalogue_of(["none"], {"none.html.j2": "{{ n }}", "none.subject.j2": "Hi"})
    [found] = explain(DEFINITION, catalogue.templates, {}, lambda: 0.0)
    assert (found.messages, found.render, found.mime, found.parts[2].microseconds) == (0, None, None, None)
    assert found.parts[2].vectorised == {"none.html.j2": (1,)}
