"""Jinja2 and the standard library's older message classes, which encode in base64."""

from __future__ import annotations

from collections.abc import Callable
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime

import pyarrow as pa

from benchmarks.envelope import DATE, SENDER, message_id, read, unsubscribe
from benchmarks.measure import Subject
from benchmarks.subjects.jinja_loop import Row, renderer
from benchmarks.template import plain_environment

ROWS = 500


def one(render: Callable[[Row], tuple[str, ...]], row: Row) -> bytes:
    subject, text, html = render(row)
    user = row["user"]
    message = MIMEMultipart("alternative")
    message["Date"], message["From"], message["To"] = format_datetime(DATE), SENDER, user["email"]
    message["Message-ID"] = message_id(user["token"])
    message["Subject"] = subject if subject.isascii() else Header(subject, "utf-8").encode()
    message["List-Unsubscribe"], message["List-Unsubscribe-Post"] = (
        unsubscribe(user["token"]),
        "List-Unsubscribe=One-Click",
    )
    message.attach(MIMEText(text, "plain", "utf-8"))
    message.attach(MIMEText(html, "html", "utf-8"))
    return message.as_bytes()


def subject(batch: pa.RecordBatch) -> Subject:
    rows, render = batch.slice(0, ROWS).to_pylist(), renderer(plain_environment)

    def run() -> None:
        for row in rows:
            one(render, row)

    return Subject(
        "Jinja2 and MIMEText", len(rows), run, lambda count: [read(one(render, row)) for row in rows[:count]]
    )
