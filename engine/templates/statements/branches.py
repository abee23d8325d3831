"""If, elif, else."""

from __future__ import annotations

from jinja2 import nodes

from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.scope import Binding, Names, Scope, Unclear
from engine.templates.statements.body import Body, constant_text
from engine.templates.statements.output import expression
from engine.templates.statements.steps import Branch, Choice, Fail, Merge, Step
from engine.templates.truth import truth
from engine.templates.values import Value


def branch(scope: Scope, body: Body, node: nodes.If) -> None:
    """Compile an if; arms whose tests are constant are decided now."""
    tests: list[Expression] = []
    bodies: list[list[nodes.Node]] = []
    last: list[nodes.Node] | None = node.else_
    for arm in (node, *node.elif_):
        test = expression(scope, arm.test)
        if test.const is None:
            tests.append(test)
            bodies.append(arm.body)
            continue
        decided = truth(test.const, scope.environment, 1)
        if decided.bad is not None:
            last = None
            break
        if decided.true:
            last = arm.body
            break
    if tests:
        _dynamic(scope, body, tests, bodies, last)
    elif last is None:
        body.silent(Fail())
    else:
        for each in last:
            scope.unit.statement(scope, body, each)


def _dynamic(
    scope: Scope, body: Body, tests: list[Expression], bodies: list[list[nodes.Node]], last: list[nodes.Node] | None
) -> None:
    arms: list[tuple[Step, ...]] = []
    overlays: list[Names] = []
    for each in (*bodies, last):
        overlay = scope.names.inner()
        overlays.append(overlay)
        arms.append((Fail(),) if each is None else _arm(scope, overlay, each))
    changed = sorted({name for overlay in overlays for name in overlay.own})
    texts = [constant_text(arm) for arm in arms]
    environment = scope.environment
    if not changed and all(text is not None for text in texts):
        body.hole(Choice(tuple(tests), tuple(text or "" for text in texts), environment))
        return
    merges = _merges(scope, overlays, changed)
    body.step(Branch(tuple(tests), tuple(arms), merges, environment))


def _arm(scope: Scope, overlay: Names, each: list[nodes.Node]) -> tuple[Step, ...]:
    inner = Body(scope.unit)
    top = overlay if scope.toplevel else scope.top
    place = scope.within(names=overlay, depth=scope.depth + 1, top=top)
    for statement in each:
        scope.unit.statement(place, inner, statement)
    return inner.steps()


def _merges(scope: Scope, overlays: list[Names], changed: list[str]) -> tuple[Merge, ...]:
    merges: list[Merge] = []
    for name in changed:
        bindings = [overlay.own.get(name) or scope.resolve(name) for overlay in overlays]
        imported = any(name in overlay.imported for overlay in overlays)
        if all(binding is bindings[0] for binding in bindings):
            scope.names.bind(name, bindings[0], imported=imported)
            continue
        if all(isinstance(binding, Expression) for binding in bindings):
            merges.append(_merge(scope, name, bindings))
        else:
            scope.names.bind(name, Unclear(), imported=imported)
    return tuple(merges)


def _merge(scope: Scope, name: str, bindings: list[Binding]) -> Merge:
    arms = tuple(binding for binding in bindings if isinstance(binding, Expression))
    slot = scope.unit.numbering.fresh()

    def read(frame: Frame) -> Value:
        return frame.slots[slot]

    lazy = any(arm.lazy for arm in arms)
    scope.names.bind(name, scope.unit.numbering.variable(scope.depth, read, lazy=lazy))
    return Merge(slot, arms)
