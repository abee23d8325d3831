"""Persons of whom something waits: each is in one task at a time, and what happened to them is told in order."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from engine.campaign.schema import Priority
from engine.queueing.levels import deadline
from engine.queueing.scheduler import Item, Most, Scheduler

TOGETHER = 64
"""Items of one person in a task: whoever has more, such as a robot, waits with the rest for another turn."""
FIRST_REST, LONGEST_REST = 250_000, 5_000_000
"""Microseconds until it is tried again, after somebody else was found to be working on a person: doubled each time."""


class Told(NamedTuple):
    """An item of the queue, as a row of what was taken (TAKEN)."""

    position: int
    ticket: str
    arrived: int
    source: pa.RecordBatch
    row: int


class Claim(NamedTuple):
    """An execution that is due, claimed until an instant, as a row of EXECUTIONS."""

    execution_id: str
    arrived: int  # when it was due
    until: int
    source: pa.RecordBatch
    row: int


class Standing(StrEnum):
    NEW = "new"
    SCHEDULED = "scheduled"
    IN_WORK = "in work"
    RESTING = "resting"


@dataclass(slots=True)
class Person:
    """One person in one workflow. ``in_work`` is what a task has of them."""

    tenant: str
    workflow: str
    priority: Priority
    user_id: str
    items: deque[Told] = field(default_factory=deque)
    claims: dict[str, Claim] = field(default_factory=dict)
    items_in_work: Sequence[Told] = ()
    claims_in_work: Sequence[Claim] = ()
    standing: Standing = Standing.NEW
    rests_until: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Persons of one workflow who are worked on together, each with their items and the executions of theirs that are due."""

    workflow: str
    priority: Priority
    people: Sequence[Person]

    @property
    def items(self) -> list[Told]:
        return [told for person in self.people for told in person.items_in_work]

    @property
    def claims(self) -> list[Claim]:
        return [claim for person in self.people for claim in person.claims_in_work]


class WaitingPeople:
    """Who waits, in the order of the schedule. For one thread; instants are UTC microseconds."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self._people: dict[tuple[str, str, str], Person] = {}
        self._resting: list[tuple[int, int, Person]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._people)

    def tell(self, tenant: str, workflow: str, priority: Priority, user_id: str, told: Told) -> None:
        """Something has happened to a person. What comes late (a queue tells again what it was told again) goes to its place."""
        person = self._person(tenant, workflow, priority, user_id)
        late = bool(person.items) and person.items[-1].position > told.position
        person.items.append(told)
        if late:
            person.items = deque(sorted(person.items, key=lambda each: each.position))
        self._stand(person)

    def claim(self, tenant: str, workflow: str, priority: Priority, user_id: str, claim: Claim) -> bool:
        """An execution of theirs is due. False: it was waiting already, by a claim that this one replaces."""
        person = self._person(tenant, workflow, priority, user_id)
        known = claim.execution_id in person.claims
        person.claims[claim.execution_id] = claim
        self._stand(person)
        return not known

    def wake(self, now: int) -> None:
        """Whoever has rested long enough waits again."""
        while self._resting and self._resting[0][0] <= now:
            person = heapq.heappop(self._resting)[2]
            if person.standing is Standing.RESTING and person.rests_until <= now:
                self._schedule(person)

    def take(self, most: Most) -> Batch | None:
        """The next batch, of at most so many persons of one workflow; None when nobody waits.

        What has happened to a person goes with what is due of theirs: whoever works on both meets them in the order of time.
        """
        people = [self._people[each.tenant, each.workflow, each.user_id] for each in self.scheduler.take(most)]
        for person in people:
            person.standing = Standing.IN_WORK
            person.claims_in_work, person.claims = list(person.claims.values()), {}
            person.items_in_work = [person.items.popleft() for _ in range(min(TOGETHER, len(person.items)))]
        return Batch(people[0].workflow, people[0].priority, people) if people else None

    def back(self, person: Person, again: Sequence[Told], now: int) -> None:
        """A person's task has ended. ``again`` of its items come again, before all others and after a rest."""
        if again:
            person.items.extendleft(reversed(again))
            person.rests_until = now + min(LONGEST_REST, FIRST_REST << min(person.tries, 10))
            person.tries += 1
        elif person.items_in_work:
            person.rests_until = person.tries = 0
        person.items_in_work = person.claims_in_work = ()
        person.standing = Standing.NEW
        self._stand(person)

    def _person(self, tenant: str, workflow: str, priority: Priority, user_id: str) -> Person:
        key = (tenant, workflow, user_id)
        person = self._people.get(key)
        if person is None:
            person = self._people[key] = Person(tenant, workflow, priority, user_id)
        return person

    def _stand(self, person: Person) -> None:
        if person.standing in (Standing.SCHEDULED, Standing.IN_WORK):
            return
        if person.claims or (person.items and not person.rests_until):
            self._schedule(person)
        elif not person.items:
            del self._people[person.tenant, person.workflow, person.user_id]
        elif person.standing is Standing.NEW:
            person.standing = Standing.RESTING
            heapq.heappush(self._resting, (person.rests_until, next(self._numbers), person))

    def _schedule(self, person: Person) -> None:
        arrived = [claim.arrived for claim in person.claims.values()]
        if person.items:
            arrived.append(person.items[0].arrived)
        first, number = min(arrived), next(self._numbers)
        person.standing = Standing.SCHEDULED
        due = deadline(person.priority, first)
        self.scheduler.add([Item(due, number, person.priority, person.tenant, person.workflow, person.user_id, first)])


def gather(rows: Sequence[Told | Claim], schema: pa.Schema) -> pa.RecordBatch:
    """The rows as one batch, in their order."""
    if not rows:
        return pa.RecordBatch.from_pylist([], schema)
    places: dict[int, list[int]] = {}
    for place, each in enumerate(rows):
        places.setdefault(id(each.source), []).append(place)
    parts = [rows[found[0]].source.take(pa.array([rows[each].row for each in found])) for found in places.values()]
    order = np.argsort(np.concatenate([np.asarray(found) for found in places.values()]))
    return pa.concat_batches(parts).take(pa.array(order))
