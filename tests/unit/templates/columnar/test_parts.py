"""Parts over one frame: shared work, merged errors, partial evaluation."""

from __future__ import annotations

import gc
import pickle

import pyarrow as pa
import pytest

from engine.errors import CampaignError
from engine.templates import Part, PartsProgram, Rendered, compile_parts, texts
from engine.templates.frame import Frame

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


def pieces(rendered: Rendered, part: str, row: int) -> list[str]:
    rope = rendered.ropes[part]
    ids = rope.ids[rope.offsets[row] : rope.offsets[row + 1]]
    return [piece for piece in rendered.pool.array().take(pa.array(ids)).to_pylist() if piece]


STEADY = {
    "a": Part(
        "x{{ n }}y{{ m|length }}z{{ '%.2f'|format(f) }}! {{ f|round(1) }}{{ m }}{{ n + 1 }} {{ n|default(3) }}",
        "a",
        True,
    ),
    "b": Part(
        "{% for x in l %}{{ loop.index }}. {{ x.q }} at ${{ '%.2f' % (x.q * n) }};{% if x.q > 2 %} dear{% endif %}{% endfor %}",
        "b",
        False,
    ),
}


def test_a_row_is_cut_into_the_same_pieces_in_every_batch() -> None:
    numbers = [0, 1, 255, 256, 4095, 4096, -1, 10**9, 7, 12]
    floats = [0.0, -0.0, 1.005, 2.675, 1e12, 3.5, 0.1, 9999.996, 123.0, -7.25]
    rows = [
        {"n": n, "f": f, "m": "é<" * (n % 9), "l": [{"q": n % 5}, {"q": 300}][: n % 3]}
        for n, f in zip(numbers, floats, strict=True)
    ]
    batch = pa.RecordBatch.from_pylist(rows)
    program = compile_parts(STEADY)
    whole = program.render(batch)
    assert not whole.errors
    for start, size in ((0, 1), (3, 1), (6, 1), (7, 1), (8, 1), (1, 4), (0, 10)):
        alone = program.render(batch.slice(start, size))
        for part in STEADY:
            for row in range(size):
                assert pieces(alone, part, row) == pieces(whole, part, start + row)


def test_a_batch_leaves_no_frame_behind() -> None:
    program = compile_parts(STEADY)
    batch = pa.RecordBatch.from_pylist([{"n": 1, "f": 1.5, "m": "a", "l": [{"q": 1}]}] * 10)
    gc.collect()
    gc.disable()
    try:
        program.render(batch)
        assert not [each for each in gc.get_objects() if isinstance(each, Frame)]
    finally:
        gc.enable()


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
