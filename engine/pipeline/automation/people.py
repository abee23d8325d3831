"""Who people are now: out of the cache, as rows of each workflow's audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from engine.cache.stack import CacheStack
from engine.pipeline.automation.contract import LiveWorkflow, Mask
from engine.workflow.people import columns_of


class StoredPeople:
    """The people of the store near at hand: ``users`` holds USERS by ``user_id``."""

    def __init__(self, users: CacheStack, workflows: Mapping[str, LiveWorkflow]) -> None:
        self._users = users
        self._columns = {name: live.plan.audience for name, live in workflows.items()}
        self._keys = {name: live.plan.campaign.audience.key for name, live in workflows.items()}

    def rows(self, workflow: str, user_ids: pa.StringArray) -> tuple[pa.RecordBatch, Mask]:
        """As they are now, also when another process has written about them just before: what a step reads it may count on, and write."""
        self._users.catch_up(wait=True)
        found = self._users.get_many(user_ids)
        people = columns_of(found.rows, self._columns[workflow])
        if not found.found.all():
            places = np.cumsum(found.found) - 1
            people = people.take(pa.array(places, mask=~found.found))
            key = people.schema.get_field_index(self._keys[workflow])
            people = people.set_column(key, people.schema.field(key), user_ids)
        return people, found.found

    def changed(self, user_ids: Sequence[str]) -> None:
        self._users.invalidate(user_ids)
