"""Who may be mailed, and the outbox rows of messages: what all plans have in common, of a whole audience as of single people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.audience.eligibility import Marks, judge
from engine.campaign.schema import Campaign
from engine.delivery.identity import delivery_keys
from engine.personalization.assignment import held_out
from engine.pipeline.definition import FIELD, TENANT, ZONE


def judge_people(
    campaign: Campaign, people: pa.RecordBatch, recipients: pa.StringArray, marks: Marks
) -> npt.NDArray[np.int8]:
    """The verdict of each person as int8; ``people`` has the audience's columns, ``recipients`` are their keys as text."""
    audience = campaign.audience
    subscribed = people.column(audience.subscribed) if audience.subscribed else None
    out = np.zeros(people.num_rows, dtype=np.bool_)
    if audience.holdout is not None:
        out = held_out(recipients.to_pylist(), campaign.name, audience.holdout.salt, audience.holdout.percent)
    return judge(people.column(audience.email), marks, subscribed, out)


def message_rows(
    campaign: Campaign,
    rows: pa.Int64Array,
    recipients: pa.StringArray,
    people: pa.RecordBatch,
    steps: pa.StringArray,
    templates: pa.StringArray,
    occurrence: str | Sequence[str],
    fields: Mapping[str, pa.Array],
) -> pa.RecordBatch:
    """The outbox rows of n messages, with ``people`` the recipient's row of each; ``occurrence`` is one for all, or each its own."""
    columns = {
        "row": rows,
        "recipient": recipients,
        "address": pc.utf8_trim_whitespace(people.column(campaign.audience.email)),
        "step": steps,
        "template": templates,
        "key": delivery_keys(TENANT, campaign.name, steps.to_pylist(), occurrence, recipients.to_pylist()),
        **({ZONE: people.column(campaign.audience.timezone)} if _has_hours(campaign) else {}),
        **{FIELD + name: column for name, column in fields.items()},
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _has_hours(campaign: Campaign) -> bool:
    """Whether a message's time depends on where its recipient is."""
    asked = campaign.limits.quiet_hours is not None or campaign.delivery.send_at is not None
    return asked and campaign.audience.timezone is not None
