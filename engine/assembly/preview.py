"""What one recipient would get."""

from __future__ import annotations

import email
import email.policy
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.assembly.campaign import OpenCampaign, suppressed
from engine.assembly.worker import mailing_of
from engine.audience import addresses
from engine.audience.columns import conform, text_of_key
from engine.audience.eligibility import Marks
from engine.errors import CannotCreateError, MissingInputError
from engine.monitoring import Stages
from engine.pipeline.materialise import Materialiser
from engine.pipeline.plan import PlanProgram


@dataclass(frozen=True, slots=True)
class PreviewedMessage:
    """A message with the files it was written to."""

    step: str
    template: str
    subject: str
    eml: Path
    html: Path


@dataclass(frozen=True, slots=True)
class Preview:
    """A recipient's verdict, the messages that there would be, and by step why one cannot be made."""

    verdict: str
    messages: list[PreviewedMessage]
    faults: Mapping[str, str] = field(default_factory=dict)


def preview(campaign: OpenCampaign, recipient: str, to: Path) -> Preview:
    """Plan and materialise for one recipient alone, and write the messages into the folder ``to``.

    Whether the address stands twice in the audience is not looked for. Raises MissingInputError when there is no such recipient.
    """
    row = _find(campaign, recipient)
    marks = Marks(np.array([False]), np.array([_is_suppressed(campaign, row)]))
    program = PlanProgram(campaign.definition)
    verdict = program.plan(0, row, marks).verdicts.column("verdict")[0].as_py()
    outbox = program.plan(0, row, marks, everybody=True).outbox
    materialiser = Materialiser(
        mailing_of(campaign.definition, campaign.templates, campaign.loaded.folder), outbox, Stages(time.perf_counter)
    )
    messages: list[PreviewedMessage] = []
    faults: dict[str, str] = {}
    steps, templates = outbox.column("step").to_pylist(), outbox.column("template").to_pylist()
    for block in materialiser.blocks(range(outbox.num_rows)):
        faults |= {steps[index]: reason for index, reason in block.faults.items()}
        for message in block.messages:
            messages.append(
                _write(to, recipient, steps[message.index], templates[message.index], bytes(message.content))
            )
    return Preview(verdict, messages, faults)


def _find(campaign: OpenCampaign, recipient: str) -> pa.RecordBatch:
    schema, key = campaign.definition.audience, campaign.campaign.audience.key
    for batch in conform(campaign.source.batches(schema.names), schema):
        index = pc.index(text_of_key(batch.column(key)), recipient).as_py()
        if index >= 0:
            return batch.slice(index, 1)
    raise MissingInputError.single("MR359", f"{campaign.source.name} has no recipient with {key} `{recipient}`")


def _is_suppressed(campaign: OpenCampaign, row: pa.RecordBatch) -> bool:
    audience = campaign.campaign.audience
    wanted = addresses.normalise(row.column(audience.email))
    never = suppressed(audience.suppression, campaign.audience_folder)
    return any(pc.any(pc.equal(addresses.normalise(each), wanted[0])).as_py() for each in never)


def _write(folder: Path, recipient: str, step: str, template: str, content: bytes) -> PreviewedMessage:
    parsed = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default)
    body = parsed.get_body(("html", "plain"))
    name = "".join(each if each.isalnum() or each in "-_" else "_" for each in f"{recipient}-{step}")
    eml, html = folder / f"{name}.eml", folder / f"{name}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        eml.write_bytes(content)
        html.write_text(body.get_content() if body else "", encoding="utf-8")
    except OSError as fault:
        raise CannotCreateError.single(
            "MR508", f"{folder} cannot be written: {fault.strerror}", help="choose another --to"
        ) from fault
    return PreviewedMessage(step, template, str(parsed["Subject"]), eml, html)
