"""Ours: a folded rendering and its messages, block by block as they are sent."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pyarrow as pa

from benchmarks.envelope import DATE, SENDER, UNSUBSCRIBE_URL, read
from benchmarks.measure import BATCHES, ROWS_TOGETHER, Subject
from benchmarks.template import CONSTANTS, PARTS
from engine.delivery.mime import Envelope, MessageProgram, SenderIdentity
from engine.templates import compile_parts


def envelope(batch: pa.RecordBatch) -> Envelope:
    user = batch.column("user")
    keys = [hashlib.blake2b(token.encode(), digest_size=16).digest() for token in user.field("token").to_pylist()]
    return Envelope(
        rows=np.arange(len(batch), dtype=np.int64),
        keys=pa.array(keys, pa.binary(16)),
        addresses=user.field("email"),
        date=DATE,
        tokens=user.field("token"),
    )


def subject(batch: pa.RecordBatch) -> Subject:
    identity = SenderIdentity(SENDER, "basket", "shop", "abandoned_cart", unsubscribe_url=UNSUBSCRIBE_URL)
    rendering, messages = compile_parts(PARTS, constants=CONSTANTS), MessageProgram(identity, secret=b"measured")
    slices = [batch.slice(start, ROWS_TOGETHER) for start in range(0, len(batch), ROWS_TOGETHER)]
    batches = itertools.cycle([(rows, envelope(rows)) for rows in slices])

    def run() -> int:
        made = 0
        for rows, to in itertools.islice(batches, BATCHES):
            wire = messages.materialise(rendering.render(rows), to)
            made += sum(len(block) for block in wire.blocks())
        return made

    def first(count: int) -> list[tuple[str, ...]]:
        few = batch.slice(0, count)
        wire = messages.materialise(rendering.render(few), envelope(few))
        return [read(bytes(message.content)) for block in wire.blocks() for message in block]

    return Subject(
        "Mailray: rendered, encoded, ready for the wire", BATCHES * min(len(batch), ROWS_TOGETHER), run, first
    )
