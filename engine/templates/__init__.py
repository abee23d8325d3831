"""Columnar Jinja2: templates compiled to programs over Arrow columns, byte for byte what Jinja2 gives on each row alone.

program = compile_template("Hello {{ name|title }}!")
program.render(batch).text          # pyarrow.StringArray, null where the row failed
program.render(batch).errors        # row index -> the exception that Jinja2 raises on that row
"""

from engine.templates.analysis import Analysis, Variable, analyse
from engine.templates.assemble import gather, texts
from engine.templates.fallback import Fallback
from engine.templates.program import Part, PartsProgram, Program, Rendering, compile_parts, compile_template
from engine.templates.rope import Chunk, Pool, Rendered, Rope

__all__ = [
    "Analysis",
    "Chunk",
    "Fallback",
    "Part",
    "PartsProgram",
    "Pool",
    "Program",
    "Rendered",
    "Rendering",
    "Rope",
    "Variable",
    "analyse",
    "compile_parts",
    "compile_template",
    "gather",
    "texts",
]
