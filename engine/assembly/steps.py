"""The steps that other packages have installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from engine.errors import Diagnostic, UsageError
from engine.workflow.scope import StepKind

GROUP = "mailray.steps"


def installed_steps() -> Mapping[str, StepKind]:
    """By the name that `uses:` has. Raises UsageError (MR186) for one that cannot be loaded, or of which there are two."""
    found: dict[str, StepKind] = {}
    faults: list[Diagnostic] = []
    for point in entry_points(group=GROUP):
        if point.name in found:
            faults.append(Diagnostic("MR186", f"two packages install a step `{point.name}`", help="remove one of them"))
            continue
        try:
            found[point.name] = point.load()
        except Exception as error:  # whatever somebody else's module does when it is imported
            message = f"the installed step `{point.name}` ({point.value}) cannot be loaded: {type(error).__name__}"
            faults.append(Diagnostic("MR186", message, help="repair its package, or remove it"))
    if faults:
        raise UsageError(*faults)
    return found
