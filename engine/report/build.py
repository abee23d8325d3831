"""A run's page, made from what the run has on record."""

from __future__ import annotations

import email
import email.policy
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from engine.adapters.stores.plan_files import PlanFiles
from engine.assembly.run import OpenRun
from engine.ledger.states import State
from engine.monitoring import Stages
from engine.pipeline.materialise import Materialiser
from engine.pipeline.records import DECISIONS, MANIFEST, SUMMARY
from engine.report.page import SampleMessage, render_page

SAMPLES = 3


def write_report(run: OpenRun) -> Path:
    """Write ``report.html`` into the run's folder. Raises MissingInputError when the run has no summary yet."""
    folder = run.folder
    summary = {"plan": run.planned(), "stages": {}} if run.live else folder.read_json(SUMMARY)
    summary["outcomes"] = run.outcomes()
    page = render_page(folder.read_json(MANIFEST), summary, folder.read_lines(DECISIONS), list(sample_messages(run)))
    folder.report.write_text(page, encoding="utf-8")
    return folder.report


def sample_messages(run: OpenRun, most: int = SAMPLES) -> Iterator[SampleMessage]:
    """Messages that were accepted (or, before any was, planned), of as many templates as there are; the same at each call."""
    plans, mailing = PlanFiles(run.folder.path), run.mailing()
    left = most
    for number in run.partitions():
        outbox = plans.outbox(number)
        rows = _accepted(run, number, outbox.num_rows)
        templates = outbox.column("template")
        for template in sorted(pc.unique(templates).to_pylist()):
            here = rows[pc.equal(templates, template).to_numpy(zero_copy_only=False)[rows]]
            share = here[: max(1, left - len(pc.unique(templates)) + 1)] if left else here[:0]
            for block in Materialiser(mailing, outbox, Stages(time.perf_counter)).blocks(share.tolist()):
                for message in block.messages[:left]:
                    left -= 1
                    yield _sample(template, bytes(message.content))
        if not left:
            return


def _accepted(run: OpenRun, number: int, planned: int) -> np.ndarray:
    ledger = run.ledger()
    if number not in ledger.partitions():
        return np.arange(planned)
    partition = ledger.partition(number)
    try:
        return partition.replay().rows(State.ACCEPTED, State.RESOLVED_SENT)
    finally:
        partition.close()


def _sample(template: str, content: bytes) -> SampleMessage:
    parsed = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default)
    html, text = parsed.get_body(("html",)), parsed.get_body(("plain",))
    return SampleMessage(
        template=template,
        subject=str(parsed["Subject"]),
        html=html.get_content() if html else "",
        text=text.get_content() if text else "",
        size=len(content),
    )
