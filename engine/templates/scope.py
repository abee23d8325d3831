"""Names while compiling: what each is bound to, in Jinja2's scopes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from jinja2 import Environment, nodes
from jinja2.idtracking import VAR_LOAD_UNDEFINED, find_symbols

from engine.templates.columns import from_arrow
from engine.templates.expressions.expression import Expression, Numbering
from engine.templates.fallback import Fallback
from engine.templates.frame import Frame
from engine.templates.values import Const, Value

MOST_STEPS = 50_000
DEEPEST = 60


class UnsupportedError(Exception):
    """A construct that is not lowered; ``why`` is said to the user."""

    def __init__(self, node: nodes.Node | None, what: str, why: str) -> None:
        super().__init__(what, why)
        self.line = node.lineno if node is not None else 0
        self.template = ""
        self.what = what
        self.why = why

    def place(self, template: str, node: nodes.Node) -> None:
        """Say where it stands, unless that is known."""
        self.template = self.template or template
        self.line = self.line or node.lineno or 1


@dataclass
class Unit:
    """What the parts of a program share while they are compiled."""

    constants: Mapping[str, Any]
    shadowed: frozenset[str] = frozenset()
    numbering: Numbering = field(default_factory=Numbering)
    statics: dict[str, int] = field(default_factory=lambda: {"": 0})
    reads: set[str] = field(default_factory=set)
    globals_used: set[str] = field(default_factory=set)
    fallbacks: list[Fallback] = field(default_factory=list)
    per_distinct: dict[tuple[str, int, str], None] = field(default_factory=dict)
    vectorised: dict[tuple[str, int], None] = field(default_factory=dict)
    folded: dict[tuple[str, int], None] = field(default_factory=dict)
    steps: int = 0
    slots: dict[Hashable, int] = field(default_factory=dict)
    trees: dict[tuple[int, str], nodes.Template | None] = field(default_factory=dict)
    capturer: Callable[[Scope, nodes.Call], Expression] | None = None
    inliner: Callable[[Scope, Any, nodes.Call], bool] | None = None
    compiler: Callable[[Scope, Any, nodes.Node], None] | None = None

    def slot(self, key: Hashable | None = None) -> int:
        """A place in a frame for a variable; the same one under the same key."""
        if key is None:
            return self.numbering.fresh()
        return self.slots.setdefault(key, self.numbering.fresh())

    def static(self, text: str) -> int:
        """The piece number of a text that is the same in every row."""
        return self.statics.setdefault(text, len(self.statics))

    def note(self, scope: Scope, node: nodes.Node, what: str) -> None:
        """Remember what runs in Python, once for each distinct input."""
        self.per_distinct[(scope.site.template or "template", node.lineno or 1, what)] = None

    def met(self, scope: Scope, node: nodes.Node, *, constant: bool) -> None:
        """Remember where an expression is evaluated over the rows, or where it is constant and nothing is left to evaluate."""
        (self.folded if constant else self.vectorised)[(scope.label, node.lineno or 1)] = None

    def mark(self) -> tuple[int, ...]:
        """Where what is remembered for the user is now."""
        return tuple(len(each) for each in (self.fallbacks, self.per_distinct, self.vectorised, self.folded))

    def back_to(self, mark: tuple[int, ...]) -> None:
        """Forget what was remembered since."""
        fallbacks, *places = mark
        del self.fallbacks[fallbacks:]
        found: tuple[dict[Any, None], ...] = (self.per_distinct, self.vectorised, self.folded)
        for each, size in zip(found, places, strict=True):
            while len(each) > size:
                each.popitem()

    def capture(self, scope: Scope, node: nodes.Call) -> Expression:
        """The text of a macro's or block's call; the statements' compiler provides it."""
        if self.capturer is None:
            raise UnsupportedError(node, "call", "a macro is not called here")
        return self.capturer(scope, node)

    def statement(self, scope: Scope, body: Any, node: nodes.Node) -> None:
        """Compile a statement into a body."""
        if self.compiler is None:
            raise UnsupportedError(node, "statement", "statements are not compiled here")
        self.compiler(scope, body, node)

    def spend(self, node: nodes.Node) -> None:
        """Count a compiled statement: inlined macros must not explode."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise UnsupportedError(node, "template", "inlining its macros and loops makes it too large")


@dataclass(frozen=True)
class Site:
    """Where an expression stands: its environment, its template and whether it is escaped there."""

    environment: Environment
    template: str | None
    autoescape: bool

    @property
    def semantics(self) -> Hashable:
        """What two sites must share for an operation that knows nothing of escaping to be the same."""
        return (type(self.environment), self.environment.undefined)


@dataclass(frozen=True)
class Macro:
    """A macro and the scope that it closes over."""

    node: nodes.Macro | nodes.CallBlock
    names: Names
    site: Site
    depth: int
    heritage: Heritage
    top: Names

    @property
    def name(self) -> str:
        return self.node.name if isinstance(self.node, nodes.Macro) else "caller"


@dataclass(frozen=True)
class Module:
    """An imported template: what it exports."""

    names: Names
    title: str


@dataclass(frozen=True)
class Loop:
    """The loop variable of a loop that is being compiled.

    ``changed`` is the depth of the rows that loop, where its ``changed()`` is called at one place that every item comes to.
    """

    fields: Mapping[str, Expression]
    depth: int
    changed: int | None = None


@dataclass(frozen=True)
class Space:
    """A ``namespace()``: its attributes change in place, so every reading counts the writings before it."""

    number: int
    depth: int
    clock: list[int]
    attributes: Mapping[str, Expression]


@dataclass(frozen=True)
class SelfBlocks:
    """``self`` of a template."""


@dataclass(frozen=True)
class SuperBlock:
    """``super`` inside the block of this name, at this place in its stack."""

    name: str
    index: int


@dataclass(frozen=True)
class Taker:
    """``joiner()`` or ``cycler()``: its state, an attribute of a namespace of its own, and the texts that it gives in turn."""

    kind: str
    space: Space
    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Unclear:
    """A name that is a macro, a module or a namespace in some branches only."""


Binding: TypeAlias = Expression | Macro | Module | Loop | Space | Taker | Unclear | SelfBlocks | SuperBlock


class Names:
    """One scope. A name is looked up here, then outwards; ``outside`` answers what no scope has."""

    def __init__(self, outer: Names | None, outside: Outside | None = None) -> None:
        self.outer = outer
        self.own: dict[str, Binding] = {}
        self.imported: set[str] = set()
        self.unset: set[str] = set()
        self.known: set[str] = set()
        self.context_only = False
        self.outside: Outside = outside if outside is not None else self._outer_outside(outer)

    @staticmethod
    def _outer_outside(outer: Names | None) -> Outside:
        if outer is None:
            raise ValueError("an outermost scope needs an outside")
        return outer.outside

    def find(self, name: str) -> Binding | None:
        scope: Names | None = self
        lexical = True
        while scope is not None:
            if name in scope.own:
                return scope.own[name]
            if lexical and name in scope.unset:
                return self.outside.undefined(name)
            lexical = lexical and not scope.context_only
            scope = scope.outer
        return None

    def declare(self, statements: Iterable[nodes.Node]) -> Names:
        """Say what stands in this scope: a name that it sets before reading it means nothing until then, unless it does around it."""
        symbols = find_symbols(statements)
        self.known = set(symbols.refs)
        scope: Names | None = None if self.context_only else self.outer
        around: set[str] = set(self.own)
        while scope is not None:
            around |= scope.known | set(scope.own)
            scope = None if scope.context_only else scope.outer
        for name, target in symbols.refs.items():
            if symbols.loads.get(target, ("",))[0] == VAR_LOAD_UNDEFINED and name not in around:
                self.unset.add(name)
        return self

    def bind(self, name: str, binding: Binding, *, imported: bool = False) -> None:
        self.own[name] = binding
        self.unset.discard(name)
        if imported:
            self.imported.add(name)
        else:
            self.imported.discard(name)

    def exported(self, name: str) -> Binding | None:
        """What a module gives out under a name."""
        return None if name.startswith("_") or name in self.imported else self.own.get(name)

    def inner(self) -> Names:
        return Names(self)

    def visible(self) -> dict[str, Binding]:
        """Every name that a scope has, the nearest first."""
        found: dict[str, Binding] = {}
        for scope in self._chain():
            for name, binding in scope.own.items():
                found.setdefault(name, binding)
        return found

    def _chain(self) -> Iterator[Names]:
        scope: Names | None = self
        while scope is not None:
            yield scope
            scope = scope.outer


@dataclass(frozen=True)
class BlockBody:
    """One template's block of some name."""

    node: nodes.Block
    site: Site


@dataclass
class Heritage:
    """The blocks of a template and of those it extends, by name, the youngest first."""

    blocks: dict[str, list[BlockBody]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outside:
    """What a name means that no scope has: a constant, a column of the batch, a global, or undefined."""

    unit: Unit
    site: Site
    columns: bool = True

    def undefined(self, name: str) -> Expression:
        return self.unit.numbering.constant(self.site.environment.undefined(name=name))

    def resolve(self, name: str) -> Expression:
        unit, environment = self.unit, self.site.environment
        if self.columns and name in unit.constants:
            return unit.numbering.constant(unit.constants[name])
        if name in environment.globals and name not in (unit.shadowed if self.columns else ()):
            if self.columns:
                unit.globals_used.add(name)
            return unit.numbering.constant(environment.globals[name])
        if not self.columns:
            return unit.numbering.constant(environment.undefined(name=name))
        unit.reads.add(name)
        return unit.numbering.variable(
            0, _column_reader(name, environment), ("column", name, environment.undefined), typed=True
        )


def _column_reader(name: str, environment: Environment) -> Any:
    def read(frame: Frame) -> Value:
        columns = frame.batch.columns
        place = columns.schema.get_field_index(name)
        return from_arrow(columns.column(place)) if place >= 0 else Const(environment.undefined(name=name))

    return read


@dataclass(frozen=True)
class Scope:
    """The compiler's place in a template.

    ``depth`` is that of the frame the statements run over; ``loops`` that of the innermost loop's, ``parallel`` that of the innermost
    loop whose items run all at once (0 where there is none). ``top`` is the scope that blocks see; ``toplevel`` says whether statements
    stand in it.
    ``muted``: a template that extends another prints nothing of its own.
    """

    unit: Unit
    names: Names
    site: Site
    depth: int
    heritage: Heritage
    top: Names
    loops: int = 0
    parallel: int = 0
    toplevel: bool = True
    muted: bool = False
    calls: tuple[Any, ...] = ()

    def within(self, **changes: Any) -> Scope:
        """The same place but for some changes."""
        return replace(self, **changes)

    def inner(self, statements: Iterable[nodes.Node], **changes: Any) -> Scope:
        """A scope inside this one, for these statements."""
        return replace(self, names=self.names.inner().declare(statements), toplevel=False, **changes)

    def resolve(self, name: str) -> Binding:
        found = self.names.find(name)
        return self.names.outside.resolve(name) if found is None else found

    @property
    def environment(self) -> Environment:
        return self.site.environment

    @property
    def label(self) -> str:
        return self.site.template or "template"

    def called(self, what: Any, node: nodes.Node) -> tuple[Any, ...]:
        """The stack of what is being inlined, with one more; refuses recursion."""
        if what in self.calls:
            raise UnsupportedError(node, "recursion", "a macro, block or include that calls itself is not inlined")
        if len(self.calls) >= DEEPEST:
            raise UnsupportedError(node, "nesting", "macros, blocks and includes are nested too deeply")
        return (*self.calls, what)
