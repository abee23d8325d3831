"""Rules about the workflow as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from engine.campaign.checks.graph import Graph, StepNode, Target
from engine.campaign.document import Document
from engine.campaign.steps import END
from engine.errors import Diagnostic, did_you_mean


def repeated_ids(document: Document) -> Iterator[Diagnostic]:
    graph = Graph(document)
    for step in graph.steps:
        if step.id == END:
            message = f"`{END}` ends an execution and cannot name a step"
            yield document.fault("MR120", message, (*step.path, "id"), "choose another id")
        elif step.id is not None and graph.by_id[step.id] is not step:
            first = document.place_of_value((*graph.by_id[step.id].path, "id"))
            message = f"two steps have the id `{step.id}`"
            yield document.fault("MR120", message, (*step.path, "id"), f"the first stands in line {first.line}")


def dangling_targets(document: Document) -> Iterator[Diagnostic]:
    graph = Graph(document)
    for target in _dangling(graph):
        help = did_you_mean(target.id, [*graph.by_id, END])
        yield document.fault("MR121", f"no step has the id `{target.id}`", target.path, help)


def cycles(document: Document) -> Iterator[Diagnostic]:
    """Each cycle without a wait in it, at the step that closes it: it would run for ever at once.

    A wait for a condition that holds, or until an instant that has passed, is over at once and stops no cycle.
    """
    graph = Graph(document)
    followers = {step.index: graph.at_once(step) for step in graph.steps}
    while True:
        try:
            TopologicalSorter({index: list(after) for index, after in followers.items()}).prepare()
        except CycleError as error:
            # The sorter takes a step's followers for what precedes it, and so lists a cycle backwards.
            cycle = list(reversed(error.args[1]))[1:]
        else:
            return
        start = cycle.index(min(cycle))
        cycle = cycle[start:] + cycle[:start]
        names = " -> ".join(_name(graph.steps[index]) for index in [*cycle, cycle[0]])
        closing = followers[cycle[-1]].pop(cycle[0])
        help = "let one of these steps lead to a later step or to `end`, or wait `for` some time between them"
        yield document.fault("MR122", f"the workflow runs in a circle: {names}", closing, help)


def unreachable_steps(document: Document) -> Iterator[Diagnostic]:
    """Steps that no execution comes to. A dangling target may be all that is wrong, and is reported on its own."""
    graph = Graph(document)
    if not graph.steps or any(True for _ in _dangling(graph)):
        return
    reached, waiting = {0}, [0]
    while waiting:
        found = graph.followers(graph.steps[waiting.pop()]).keys() - reached
        reached |= found
        waiting.extend(found)
    for step in graph.steps:
        if step.index not in reached and graph.by_id.get(step.id or "") is step:
            message = f"no step leads to `{step.id}`"
            yield document.fault("MR123", message, (*step.path, "id"), "name it in a `next`, or remove it")


def _dangling(graph: Graph) -> Iterator[Target]:
    for step in graph.steps:
        for target in step.targets:
            if target.id != END and target.id not in graph.by_id:
                yield target


def _name(step: StepNode) -> str:
    return step.id or f"workflow[{step.index}]"
