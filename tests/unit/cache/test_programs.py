"""Compiled templates are kept by what they are made of."""

import threading
from typing import Any

import pyarrow as pa
import pytest
from jinja2 import Environment

from engine.cache.objects import ObjectCache
from engine.campaign.schema import Campaign
from engine.pipeline.programs import Programs, compile_templates, program_bytes
from engine.templates import PartsProgram, compile_template, remembering, texts
from engine.templates.catalogue import TemplateSet, catalogue_of

FILES = {
    "offer.subject.j2": "{{ brand }} for {{ name }}",
    "offer.txt.j2": "{% if gold %}Gold{% else %}{{ name|title }}{% endif %}",
    "offer.html.j2": "{% include 'foot.html.j2' %}<p>{{ name|title|wordcount }} {{ name|title }}</p>",
    "foot.html.j2": "<i>{{ brand }}</i>",
    "other.subject.j2": "other",
    "other.txt.j2": "other",
    "other.html.j2": "<p>other</p>",
}


def campaign(name: str = "spring", **variables: Any) -> Campaign:
    return Campaign.model_validate(
        {
            "name": name,
            "type": "nurture_sequence",
            "audience": {"source": "a.parquet", "key": "id"},
            "variables": {"brand": "Shop", **variables},
            "workflow": [{"id": "first", "type": "send_email", "template": "offer"}],
            "delivery": {"from": {"address": "news@example.com"}},
        },
        by_name=False,
    )


def templates(**changed: str) -> tuple[TemplateSet, ...]:
    files = {**FILES, **{name.replace("_", "."): text for name, text in changed.items()}}
    return catalogue_of(["offer", "other"], files).templates


def programs(most: int = 1 << 30) -> Programs:
    return ObjectCache(most, program_bytes)


def rendered(program: PartsProgram, names: list[str]) -> list[str]:
    made = program.render(pa.record_batch({"name": names, "gold": [False] * len(names)}))
    found: list[str] = texts(made.pool.array(), made.ropes["html"], made.errors).to_pylist()
    return found


def test_the_same_templates_are_compiled_once() -> None:
    kept = programs()
    first = compile_templates(campaign(), templates(), kept)
    again = compile_templates(campaign(), templates(), kept)
    assert kept.made == 2 and all(again[name] is program for name, program in first.items())


def test_only_what_has_changed_is_compiled_again() -> None:
    kept = programs()
    first = compile_templates(campaign(), templates(), kept)
    changed = compile_templates(campaign(), templates(offer_subject_j2="New"), kept)
    assert kept.made == 3 and changed["other"] is first["other"] and changed["offer"] is not first["offer"]
    included = compile_templates(campaign(), templates(foot_html_j2="<b>{{ brand }}</b>"), kept)
    assert kept.made == 4 and rendered(included["offer"], ["ada"]) == ["<b>Shop</b><p>1 Ada</p>"]


def test_what_is_folded_is_part_of_what_a_program_is_made_of() -> None:
    kept = programs()
    for each in (
        campaign(),
        campaign(brand="Store"),
        campaign("summer"),
        campaign(n=1),
        campaign(n="1"),
        campaign(n=True),
    ):
        compile_templates(each, templates()[:1], kept)
    assert kept.made == 6
    ordered = [
        compile_templates(campaign(order=order), templates()[:1], kept)
        for order in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    ]
    assert ordered[0]["offer"] is not ordered[1]["offer"]  # a loop over it gives another order


def test_parts_do_not_run_together() -> None:
    kept = programs()
    compile_templates(campaign(), templates(offer_subject_j2="a", offer_txt_j2="b"), kept)
    compile_templates(campaign(), templates(offer_subject_j2="b", offer_txt_j2="a"), kept)
    assert kept.made == 3


def test_what_programs_remember_counts_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MOST_BYTES", 1 << 20)
    kept = programs()
    program = compile_templates(campaign(), templates(), kept)["offer"]
    before = kept.held
    rendered(program, [f"name {n}" for n in range(5_000)])
    compile_templates(campaign(), templates(), kept)
    assert program.remembered > 5_000 * 10 and kept.held >= before + program.remembered
    for start in range(6):
        rendered(program, [f"{start} {n} " + "long " * 300 for n in range(500)])
    assert program.remembered < 8 << 20  # of two filters, inputs and texts of one batch more than there is room for


def test_no_more_is_kept_than_there_is_room_for() -> None:
    kept = programs(20_000)
    for number in range(20):
        compile_templates(campaign(number=number), templates(), kept)
        assert kept.held <= 20_000
    assert kept.made > 20


def test_one_program_serves_several_threads() -> None:
    """Another thread renders while this one is in the middle of a batch, or waits until it is through."""
    threads: list[threading.Thread] = []
    got: list[list[str]] = []

    def render(own: str) -> None:
        batch = pa.record_batch({"name": [f"{own} {n}" for n in range(5)]})
        got.append(program.render(batch).text.to_pylist())

    def loud(text: str) -> str:
        if text == "first 0":
            threads.append(threading.Thread(target=render, args=("second",)))
            threads[0].start()
            threads[0].join(0.2)
        return text.upper()

    environment = Environment()
    environment.filters["loud"] = loud
    program = compile_template("{{ name|loud }}", environment=environment)
    render("first")
    threads[0].join(30)
    assert sorted(got) == [[f"{own} {n}" for n in range(5)] for own in ("FIRST", "SECOND")]
