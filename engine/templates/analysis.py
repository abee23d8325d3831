"""What a template asks for: its free variables with their places, and its faults as diagnostics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from jinja2 import Environment, TemplateError, TemplateNotFound, TemplateSyntaxError, meta, nodes

from engine.errors import CampaignError, Place


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that a template reads from outside, and where it first does."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Analysis:
    """The free variables of a template and of the templates it extends, includes and imports, in order of first use.

    ``unresolved`` names referenced templates that the loader does not have; ``dynamic`` is true when a referenced template's name
    is only known for each row.
    """

    variables: tuple[Variable, ...]
    unresolved: tuple[str, ...] = ()
    dynamic: bool = False

    @property
    def names(self) -> frozenset[str]:
        return frozenset(variable.name for variable in self.variables)


def _positions(environment: Environment, source: str) -> dict[str, tuple[int, int]]:
    """Line and column, from 1, of the first place where each name is read as a variable."""
    found: dict[str, tuple[int, int]] = {}
    line, column, before = 1, 1, ""
    for _, kind, value in environment.lexer.tokeniter(source, None):
        if kind == "name" and before not in (".", "|", "is"):
            found.setdefault(value, (line, column))
        if kind != "whitespace":
            before = value
        line, column = _advance(line, column, value)
    return found


def _advance(line: int, column: int, text: str) -> tuple[int, int]:
    breaks = text.count("\n")
    return line + breaks, (len(text) - text.rfind("\n")) if breaks else column + len(text)


def place_of(file: str, source: str, line: int | None, column: int | None = None, width: int = 1) -> Place:
    """A place with the line it stands in."""
    lines = source.splitlines()
    excerpt = lines[line - 1] if line is not None and 0 < line <= len(lines) else None
    if excerpt is not None and column is None:
        column = len(excerpt) - len(excerpt.lstrip()) + 1
    return Place(file, line, column, excerpt, width)


def _variables(environment: Environment, source: str, name: str) -> Iterator[Variable]:
    names = meta.find_undeclared_variables(environment.parse(source, name=name)) - set(environment.globals)
    positions = _positions(environment, source)
    for each in sorted(names, key=lambda name: positions.get(name, (0, 0))):
        line, column = positions.get(each, (1, 1))
        yield Variable(each, place_of(name, source, line, column, len(each)))


def analyse(source: str, name: str, environment: Environment) -> Analysis:
    """The free variables of a template. Raises ``CampaignError`` where it, or one it refers to, is not valid."""
    variables: dict[str, Variable] = {}
    exported: set[str] = set()
    unresolved: list[str] = []
    dynamic = False
    seen = {name}
    waiting = [(name, source)]
    while waiting:
        file, text = waiting.pop(0)
        with located({file: text}, name=file):
            for variable in _variables(environment, text, file):
                variables.setdefault(variable.name, variable)
            tree = environment.parse(text, name=file)
            exported |= _exported(tree)
            references = list(meta.find_referenced_templates(tree))
        for reference in references:
            if reference is None:
                dynamic = True
            elif reference not in seen:
                seen.add(reference)
                try:
                    if environment.loader is None:
                        raise TemplateNotFound(reference)
                    waiting.append((reference, environment.loader.get_source(environment, reference)[0]))
                except TemplateNotFound:
                    unresolved.append(reference)
    free = tuple(variable for name, variable in variables.items() if name not in exported)
    return Analysis(free, tuple(unresolved), dynamic)


def _exported(tree: nodes.Template) -> set[str]:
    """The names that a template sets, imports or defines outside of everything: its blocks, its parents and what it includes see them."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, nodes.Assign | nodes.AssignBlock):
            names |= {
                name.name for name in [node.target, *node.target.find_all(nodes.Name)] if isinstance(name, nodes.Name)
            }
        elif isinstance(node, nodes.Import):
            names.add(node.target)
        elif isinstance(node, nodes.FromImport):
            names |= {each if isinstance(each, str) else each[1] for each in node.names}
        elif isinstance(node, nodes.Macro):
            names.add(node.name)
    return names


@contextmanager
def located(sources: Mapping[str, str], name: str | None = None) -> Iterator[None]:
    """Turn Jinja2's template errors into ``CampaignError`` with the place in the source."""
    try:
        yield
    except TemplateSyntaxError as error:
        file = error.name or name or next(iter(sources), "template")
        place = place_of(file, sources.get(file, error.source or ""), error.lineno)
        raise CampaignError.single("MR301", error.message or "the template is not valid", place=place) from error
    except TemplateError as error:
        file = name or next(iter(sources), "template")
        raise CampaignError.single("MR302", error.message or str(error), place=Place(file)) from error
