"""What is measured, one subject a file; the first of each tuple is what the others are compared with."""

from benchmarks.subjects import (
    columnar,
    columnar_folded,
    columnar_message,
    columnar_with_fallback,
    email_message,
    example_columnar,
    example_loop,
    handwritten,
    jinja_loop,
    memory_copy,
    mime_text,
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
MESSAGES = (email_message.subject, mime_text.subject, columnar_message.subject)
EXAMPLE = (example_loop.subject, example_columnar.subject)
