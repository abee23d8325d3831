"""Parts over one frame: shared work, merged errors, partial evaluation."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from engine.errors import CampaignError
from engine.templates import Part, PartsProgram, compile_parts, texts

BATCH = pa.RecordBatch.from_pylist([{"s": "a<", "n": 1}, {"s": "b", "n": None}, {"s": None, "n": 3}])
PARTS = {
    "subject": Part("{{ s }} {{ kind }}", "offer.subject.j2", False),
    "html": Part("<b>{{ s }}</b>{% if kind == 'vip' %}{{ n + 1 }}{% else %}-{% endif %}", "offer.html.j2", True),
}


def shown(program: PartsProgram, part: str) -> list[str | None]:
    rendered = program.render(BATCH)
    return texts(rendered.pool.array(), rendered.ropes[part], rendered.errors).to_pylist()


def test_each_part_has_its_own_escaping_and_a_failed_row_has_no_piece_anywhere() -> None:
    program = compile_parts(PARTS, constants={"kind": "vip"})
    assert shown(program, "html") == ["<b>a&lt;</b>2", None, "<b>None</b>4"]
    assert shown(program, "subject") == ["a< vip", None, "None vip"]
    rendered = program.render(BATCH)
    assert set(rendered.errors) == {1}
    assert isinstance(rendered.errors[1], TypeError)
    assert all(rope.offsets[1] == rope.offsets[2] for rope in rendered.ropes.values())


def test_specialised_programs_decide_what_is_known() -> None:
    program = compile_parts(PARTS)
    assert program.reads == {"s", "n", "kind"}
    plain = program.specialise({"kind": "plain"})
    assert plain.reads == {"s"}
    assert shown(plain, "html") == ["<b>a&lt;</b>-", "<b>b</b>-", "<b>None</b>-"]
    assert shown(program.specialise({"kind": "vip"}), "html") == shown(
        compile_parts(PARTS, constants={"kind": "vip"}), "html"
    )


def test_a_program_travels() -> None:
    program = compile_parts(PARTS, constants={"kind": "vip"})
    again = pickle.loads(pickle.dumps(program))
    assert shown(again, "html") == shown(program, "html")


def test_statics_have_the_same_key_in_every_batch() -> None:
    program = compile_parts(PARTS, constants={"kind": "vip"})
    first, second = (program.render(BATCH).pool.chunks[0] for _ in range(2))
    assert first.key is not None
    assert first.key == second.key
    assert first.texts is second.texts


def test_a_fault_is_told_with_its_place() -> None:
    with pytest.raises(CampaignError) as raised:
        compile_parts({"html": Part("line\n{% if %}", "offer.html.j2", True)})
    place = raised.value.diagnostics[0].place
    assert place is not None
    assert (place.file, place.line, place.excerpt) == ("offer.html.j2", 2, "{% if %}")
