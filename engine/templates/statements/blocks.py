"""Blocks: the body that a block's name stands for, found at compile time."""

from __future__ import annotations

from jinja2 import nodes

from engine.templates.scope import Names, Scope, SelfBlocks, SuperBlock
from engine.templates.statements.body import Body
from engine.templates.statements.steps import Fail


def block(scope: Scope, body: Body, node: nodes.Block) -> None:
    """A block where it stands: the youngest template's body for it."""
    if scope.toplevel and scope.muted:
        return
    stack = scope.heritage.blocks[node.name]
    if node.required and len(stack) <= 1:
        body.silent(Fail())
        return
    base = scope.top
    if node.scoped:
        base = Names(None, scope.names.outside)
        for name, binding in scope.names.visible().items():
            base.bind(name, binding)
    block_body(scope, body, node, node.name, 0, base)


def block_body(scope: Scope, body: Body, node: nodes.Node, name: str, index: int, base: Names) -> None:
    """Print the block's body at this place in its stack, over the template's names and none that are local."""
    found = scope.heritage.blocks[name][index]
    names = base.inner()
    names.context_only = True
    names.bind("self", SelfBlocks())
    if index + 1 < len(scope.heritage.blocks[name]):
        names.bind("super", SuperBlock(name, index + 1))
    else:
        hint = f"there is no parent block called {name!r}."
        names.bind("super", scope.unit.numbering.constant(scope.environment.undefined(hint, name="super")))
    calls = scope.called((id(scope.heritage), name, index), node)
    place = scope.within(names=names, site=found.site, top=base, toplevel=False, muted=False, calls=calls)
    names.declare(found.node.body)
    for each in found.node.body:
        scope.unit.statement(place, body, each)
