"""The statement compiler: which node is compiled by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator

from engine.templates.scope import Scope, Unit, UnsupportedError
from engine.templates.statements import assignments, blocks, branches, inheritance, loops, macros, output
from engine.templates.statements.body import Body
from engine.templates.statements.by_jinja import by_jinja
from engine.templates.statements.steps import Step

Compiler: TypeAlias = Callable[[Scope, Body, Any], None]


def _output(scope: Scope, body: Body, node: nodes.Output) -> None:
    if not scope.muted:
        output.output(scope, body, node)


_COMPILERS: Mapping[type[nodes.Node], Compiler] = {
    nodes.Assign: assignments.assign,
    nodes.AssignBlock: assignments.assign_block,
    nodes.Block: blocks.block,
    nodes.CallBlock: macros.call_block,
    nodes.ExprStmt: assignments.do,
    nodes.Extends: inheritance.refused_extends,
    nodes.FilterBlock: assignments.filter_block,
    nodes.For: loops.loop,
    nodes.FromImport: inheritance.from_import,
    nodes.If: branches.branch,
    nodes.Import: inheritance.import_,
    nodes.Include: inheritance.include,
    nodes.Macro: macros.define,
    nodes.Output: _output,
    nodes.Scope: assignments.inner_scope,
    nodes.ScopedEvalContextModifier: assignments.modified,
    nodes.With: assignments.with_,
}


def statement(scope: Scope, body: Body, node: nodes.Node) -> None:
    """Compile one statement into a body. Raises ``UnsupportedError``."""
    compiler = _COMPILERS.get(type(node))
    if compiler is None:
        raise UnsupportedError(node, type(node).__name__.lower(), "this statement is not lowered")
    scope.unit.spend(node)
    before, known = body.mark(), scope.unit.mark()
    try:
        compiler(scope, body, node)
    except UnsupportedError as error:
        error.place(scope.label, node)
        body.back_to(before)
        scope.unit.back_to(known)
        if not by_jinja(scope, body, node, error):
            raise


def compile_body(unit: Unit, environment: Environment, source: str, name: str | None) -> tuple[Step, ...]:
    """The steps of a template. Raises ``UnsupportedError`` where it cannot be lowered as a whole."""
    check_environment(environment)
    unit.compiler, unit.inliner, unit.capturer = statement, macros.inline, macros.capture
    body = Body(unit)
    inheritance.whole_template(inheritance.root_scope(unit, environment, name), body, environment.parse(source, name))
    return body.steps()


def check_environment(environment: Environment) -> None:
    """Refuse what changes the meaning of a template beyond its syntax tree."""
    if environment.is_async:
        raise UnsupportedError(None, "environment", "it is asynchronous")
    if environment.code_generator_class is not CodeGenerator:
        raise UnsupportedError(None, "environment", "it generates code of its own")
