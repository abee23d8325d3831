"""Templates in templates: extends, include and import, resolved while compiling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, TemplateNotFound, nodes

from engine.templates.frame import Frame
from engine.templates.scope import (
    BlockBody,
    Heritage,
    Module,
    Names,
    Outside,
    Scope,
    SelfBlocks,
    Site,
    Unit,
    UnsupportedError,
)
from engine.templates.statements.body import Body, constant_text
from engine.templates.statements.holes import Item
from engine.templates.statements.output import expression
from engine.templates.statements.steps import Fail, Step, run_body


@dataclass(frozen=True, slots=True)
class Silent:
    """Steps that are run for what they may raise; what they print is dropped."""

    steps: tuple[Step, ...]

    def run(self, frame: Frame, items: list[Item]) -> None:
        run_body(self.steps, frame)


def escapes(environment: Environment, name: str | None) -> bool:
    """Whether a template of that name is escaped."""
    auto = environment.autoescape
    return bool(auto(name)) if callable(auto) else bool(auto)


def whole_template(scope: Scope, body: Body, tree: nodes.Template) -> None:
    """A template's root, then its parent's over the same names and blocks."""
    for block in tree.find_all(nodes.Block):
        scope.heritage.blocks.setdefault(block.name, []).append(BlockBody(block, scope.site))
    scope.names.declare(tree.body)
    extended: str | None = None
    for each in tree.body:
        if isinstance(each, nodes.Extends):
            if extended is not None:
                body.silent(Fail())  # Jinja2: extended multiple times
                return
            extended = _template_name(scope, each.template, each)
            scope = scope.within(muted=True)
            if _parsed(scope, extended) is None:
                body.silent(Fail())
                return
        else:
            scope.unit.statement(scope, body, each)
    if extended is not None:
        parent = _parsed(scope, extended)
        if parent is not None:
            site = Site(scope.environment, extended, escapes(scope.environment, extended))
            calls = scope.called(("extends", extended), tree)
            whole_template(scope.within(site=site, muted=False, calls=calls), body, parent)


def refused_extends(_scope: Scope, _body: Body, node: nodes.Extends) -> None:
    raise UnsupportedError(node, "extends", "whether the template extends another is decided for each row")


def _template_name(scope: Scope, node: nodes.Node, at: nodes.Node) -> str:
    made = expression(scope, node)
    if made.const is None or made.const.failed or not isinstance(made.const.value, str):
        raise UnsupportedError(at, "template", "which template is meant is only known for each row")
    return (
        scope.environment.join_path(made.const.value, scope.site.template) if scope.site.template else made.const.value
    )


def _parsed(scope: Scope, name: str) -> nodes.Template | None:
    """The template's syntax tree; None where Jinja2 would raise on getting it."""
    environment, unit = scope.environment, scope.unit
    key = (id(environment), name)
    if key not in unit.trees:
        try:
            environment.get_template(name)
            if environment.loader is None:
                raise TemplateNotFound(name)
            source, filename, _ = environment.loader.get_source(environment, name)
            unit.trees[key] = environment.parse(source, name, filename)
        except Exception:
            unit.trees[key] = None
    return unit.trees[key]


def _candidates(scope: Scope, node: nodes.Include) -> list[Any]:
    made = expression(scope, node.template)
    if made.const is None or made.const.failed:
        raise UnsupportedError(node, "include", "which template is meant is only known for each row")
    value = made.const.value
    return list(value) if isinstance(value, list | tuple) else [value]


def include(scope: Scope, body: Body, node: nodes.Include) -> None:
    """Print another template here."""
    for candidate in _candidates(scope, node):
        if not isinstance(candidate, str):
            raise UnsupportedError(node, "include", "a template is given by something other than its name")
        name = scope.environment.join_path(candidate, scope.site.template) if scope.site.template else candidate
        tree = _parsed(scope, name)
        if tree is not None:
            whole_template(_apart(scope, node, name, node.with_context), body, tree)
            return
        if _exists(scope, name):
            break
    else:
        if node.ignore_missing:
            return
    body.silent(Fail())


def _exists(scope: Scope, name: str) -> bool:
    """Whether the template is there but broken."""
    try:
        scope.environment.get_template(name)
    except TemplateNotFound as error:
        return error.name != name
    except Exception:
        return True
    return True


def _apart(scope: Scope, node: nodes.Node, name: str, with_context: bool) -> Scope:
    """The scope of another template's root: its own names over a copy of what is visible here, or over the globals alone."""
    site = Site(scope.environment, name, escapes(scope.environment, name))
    names = Names(None, Outside(scope.unit, site, with_context and scope.names.outside.columns))
    if with_context:
        for key, binding in scope.names.visible().items():
            names.bind(key, binding, imported=True)
    names.bind("self", SelfBlocks(), imported=True)
    names.own.pop("super", None)
    calls = scope.called(("template", name), node)
    inner = names.inner()
    return scope.within(names=inner, top=inner, site=site, heritage=Heritage(), toplevel=True, muted=False, calls=calls)


def _module(scope: Scope, body: Body, node: nodes.Import | nodes.FromImport) -> Module | None:
    name = _template_name(scope, node.template, node)
    tree = _parsed(scope, name)
    if tree is None:
        body.silent(Fail())
        return None
    place = _apart(scope, node, name, node.with_context)
    inner = Body(scope.unit)
    whole_template(place, inner, tree)
    steps = inner.steps()
    if constant_text(steps) is None:
        body.silent(Silent(steps))
    return Module(place.names, name)


def import_(scope: Scope, body: Body, node: nodes.Import) -> None:
    module = _module(scope, body, node)
    if module is not None:
        scope.names.bind(node.target, module, imported=True)


def from_import(scope: Scope, body: Body, node: nodes.FromImport) -> None:
    module = _module(scope, body, node)
    if module is None:
        return
    for each in node.names:
        name, alias = each if isinstance(each, tuple) else (each, each)
        found = module.names.exported(name)
        if found is None:
            hint = (
                f"the template {module.title!r} (imported on line {node.lineno} in {scope.site.template!r})"
                f" does not export the requested name {name!r}"
            )
            found = scope.unit.numbering.constant(scope.environment.undefined(hint, name=name))
        scope.names.bind(alias, found, imported=True)


def root_scope(unit: Unit, environment: Environment, name: str | None) -> Scope:
    """The scope in which a program's template begins."""
    site = Site(environment, name, escapes(environment, name))
    names = Names(None, Outside(unit, site))
    names.bind("self", SelfBlocks(), imported=True)
    inner = names.inner()
    return Scope(unit, inner, site, 0, Heritage(), inner)
