"""Jinja2 and the standard library's message class: what the documentation teaches."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP

import pyarrow as pa

from benchmarks.envelope import DATE, SENDER, message_id, read, unsubscribe
from benchmarks.measure import Subject
from benchmarks.subjects.jinja_loop import Row, renderer
from benchmarks.template import plain_environment

ROWS = 200


def one(render: Callable[[Row], tuple[str, ...]], row: Row) -> bytes:
    subject, text, html = render(row)
    user = row["user"]
    message = EmailMessage(policy=SMTP)
    message["Date"], message["From"], message["To"] = DATE, SENDER, user["email"]
    message["Message-ID"], message["Subject"] = message_id(user["token"]), subject
    message["List-Unsubscribe"], message["List-Unsubscribe-Post"] = (
        unsubscribe(user["token"]),
        "List-Unsubscribe=One-Click",
    )
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def subject(batch: pa.RecordBatch) -> Subject:
    rows, render = batch.slice(0, ROWS).to_pylist(), renderer(plain_environment)

    def run() -> None:
        for row in rows:
            one(render, row)

    return Subject(
        "Jinja2 and EmailMessage", len(rows), run, lambda count: [read(one(render, row)) for row in rows[:count]]
    )
