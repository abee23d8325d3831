"""What is measured, one subject a file; the first of each tuple is what the others are compared with."""

from benchmarks.subjects import (
    columnar,
    columnar_folded,
    columnar_with_fallback,
    handwritten,
    jinja_loop,
    memory_copy,
    minijinja_loop,
    sandboxed_loop,
)

RENDERING = (
    jinja_loop.subject,
    sandboxed_loop.subject,
    minijinja_loop.subject,
    handwritten.subject,
    columnar.subject,
    columnar_folded.subject,
    columnar_with_fallback.subject,
    memory_copy.subject,
)
