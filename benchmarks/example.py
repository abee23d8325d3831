"""The example campaign's menswear message and its customers, as a second thing to measure: inheritance, macros, imports and branches."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from ruamel.yaml import YAML

from benchmarks.measure import ROWS_TOGETHER
from engine.templates import Part

FOLDER = Path(__file__).parents[1] / "examples" / "spring_menswear"
TEMPLATES = FOLDER / "templates"
NAMES = {"subject": "menswear.subject.j2", "text": "menswear.txt.j2", "html": "menswear.html.j2"}
PARTS = {part: Part((TEMPLATES / name).read_text("utf-8"), name, part == "html") for part, name in NAMES.items()}
VARIABLES = YAML(typ="safe").load((FOLDER / "campaign.yaml").read_text("utf-8"))["variables"]
CONSTANTS = {**VARIABLES, "unsubscribe_url": "https://shop.example.com/u/token"}


def environment(autoescape: bool) -> Environment:
    return ImmutableSandboxedEnvironment(
        autoescape=autoescape, loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined
    )


def customers() -> pa.RecordBatch:
    """The first customers who buy menswear, with the tier that the workflow gives them."""
    table = pq.read_table(FOLDER / "audience.parquet")
    table = table.filter(table["mens"])[: 2 * ROWS_TOGETHER]
    history = table["history"]
    tier = pc.if_else(
        pc.greater_equal(history, 500), "gold", pc.if_else(pc.greater_equal(history, 200), "silver", "bronze")
    )
    return table.append_column("tier", tier).combine_chunks().to_batches()[0]
