"""The compiled programs of live workflows, each made once in a process: triggers, and every version that executions are pinned to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from engine.conditions import workflow_schema
from engine.errors import CampaignError
from engine.personalization.assignment import uniform
from engine.pipeline.automation.contract import LiveWorkflow
from engine.workflow import WorkflowProgram
from engine.workflow.definition import pinned
from engine.workflow.executions import ExecutionStore
from engine.workflow.scope import StepKind
from engine.workflow.triggers import TriggerProgram

K = TypeVar("K")
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Shared(Generic[P]):
    """A program for any thread: one at a time has it, for what evaluates conditions belongs to one thread."""

    program: P
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def used(self) -> Iterator[P]:
        with self.lock:
            yield self.program


class Programs:
    """Programs of live workflows, for any thread.

    They are compiled for the columns that people have now; messages take the columns that today's templates read, as far as the
    version has them. What cannot be compiled is remembered too: it is no other until the process begins anew. ``installed`` are the
    steps of other packages, by name.
    """

    def __init__(
        self, live: Iterable[LiveWorkflow], executions: ExecutionStore, installed: Mapping[str, StepKind]
    ) -> None:
        self._live = {each.name: each for each in live}
        self._executions = executions
        self._installed = installed
        self._compiling = threading.Lock()
        self._triggers: dict[str, Shared[TriggerProgram] | CampaignError] = {}
        self._workflows: dict[tuple[str, str], Shared[WorkflowProgram] | CampaignError] = {}

    def live(self, workflow: str) -> LiveWorkflow:
        """Raises KeyError when nobody enters it now."""
        return self._live[workflow]

    def trigger(self, workflow: str) -> Shared[TriggerProgram]:
        """The trigger of the present version. Raises CampaignError when it cannot be compiled (MR861)."""
        live = self._live[workflow]
        campaign, columns, version = live.plan.campaign, live.plan.audience, live.definition.version
        make = partial(TriggerProgram, campaign, columns, version)
        return self._made(self._triggers, workflow, workflow, version, make)

    def workflow(self, workflow: str, version: str) -> Shared[WorkflowProgram]:
        """A version of a workflow. Of an older one the store has the definition.

        Raises CampaignError when nobody knows it (MR860; asked again the next time), or it cannot be compiled (MR861), and what the
        store raises.
        """
        found = self._workflows.get((workflow, version))
        text = self._text(workflow, version) if found is None else ""
        make = partial(self._compile, workflow, text)
        return self._made(self._workflows, (workflow, version), workflow, version, make)

    def _made(
        self, known: dict[K, Shared[P] | CampaignError], key: K, workflow: str, version: str, make: Callable[[], P]
    ) -> Shared[P]:
        with self._compiling:
            if key not in known:
                known[key] = _tried(make, f"version {version} of the workflow `{workflow}`")
        found = known[key]
        if isinstance(found, CampaignError):
            raise found
        return found

    def _text(self, workflow: str, version: str) -> str:
        present = self._live[workflow].definition
        text = present.text if version == present.version else self._executions.definition(workflow, version)
        if text is None:
            raise CampaignError.single(
                "MR860",
                f"version {version} of the workflow `{workflow}` is not known, and there are executions on it",
                help="its definition is missing in the store; until it is there again they stand still",
            )
        return text

    def _compile(self, workflow: str, text: str) -> WorkflowProgram:
        plan = self._live[workflow].plan
        campaign = pinned(plan.campaign, text)
        known = workflow_schema(plan.audience, campaign).names
        fields = [name for name in plan.fields if name in known]
        return WorkflowProgram(campaign, plan.audience, uniform, fields=fields, installed=self._installed)


def _tried(make: Callable[[], P], name: str) -> Shared[P] | CampaignError:
    try:
        return Shared(make())
    except (
        Exception
    ) as fault:  # a definition that another Mailray wrote, or whatever an installed step does when it is made
        why = fault.diagnostics[0].message if isinstance(fault, CampaignError) else type(fault).__name__
        return CampaignError.single(
            "MR861",
            f"{name} cannot be compiled: {why}",
            help="its executions stand still; `mailray workflow migrate` moves them to another version",
        )
