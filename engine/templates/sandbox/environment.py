"""The Jinja2 environment of a campaign's templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, nodes
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from markupsafe import Markup

from engine.templates.sandbox.instrument import METERING_FILTERS, check_shape, instrumented
from engine.templates.sandbox.limited_filters import builtin_filters, project_filters
from engine.templates.sandbox.limits import MAX_RANGE, MAX_SOURCE, MAX_TEXT, MAX_TREE_NODES, TemplateLimitError
from engine.templates.sandbox.meter import CHARACTER, METER, Meter, charged, iterated, size_of, spend
from engine.templates.sandbox.methods import LimitedEscapeFormatter, LimitedFormatter, check_method, is_refused
from engine.templates.sandbox.operators import OPERATORS
from engine.templates.sandbox.template import LimitedTemplate

CALL_WORK = 250  # a macro's call takes two to three microseconds


class OpaqueNamespace(Namespace):
    """``namespace()`` that does not print its content, which may refer to itself many times over."""

    def __repr__(self) -> str:
        return "<Namespace>"


def limited_range(*bounds: int) -> range:
    """``range`` of at most MAX_RANGE numbers; raises TemplateLimitError."""
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise TemplateLimitError(f"a range of {len(numbers):,} numbers; {MAX_RANGE:,} are allowed")
    return numbers


def new_dict(*pairs: Any, **named: Any) -> dict[str, Any]:
    """``dict()`` without the type's own attributes."""
    return dict(*pairs, **named)


class CampaignEnvironment(ImmutableSandboxedEnvironment):
    """Sandboxed against what a template may reach, and metered against what it may cost."""

    intercepted_binops = frozenset(OPERATORS)
    template_class = LimitedTemplate

    def __init__(self, *, autoescape: bool, loader: BaseLoader | None = None) -> None:
        super().__init__(autoescape=autoescape, loader=loader, undefined=StrictUndefined)
        self.binop_table.update(OPERATORS)
        self.filters = {**builtin_filters(), **project_filters(), **METERING_FILTERS}
        self.globals = {"range": limited_range, "dict": new_dict, "namespace": OpaqueNamespace}

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """The pieces as one text; raises TemplateLimitError beyond MAX_TEXT characters."""
        parts = list(pieces)
        size = sum(map(len, parts))
        if size > MAX_TEXT:
            raise TemplateLimitError(f"a text of {size:,} characters; {MAX_TEXT:,} are allowed")
        spend(CHARACTER * size)
        return "".join(parts)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return super().is_safe_attribute(obj, attr, value) and not is_refused(obj, attr)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """``str.format`` and ``format_map`` with limited fields; None for everything else."""
        if super().wrap_str_format(value) is None:
            return None
        text: str = value.__self__
        mapped = value.__name__ == "format_map"

        def format(*args: Any, **kwargs: Any) -> str:
            charged(text)
            formatter = LimitedFormatter(self)
            if isinstance(text, Markup):
                formatter = LimitedEscapeFormatter(self, escape=text.escape)
            if mapped:
                (kwargs,), args = args, ()
            return type(text)(formatter.vformat(text, args, kwargs))

        return format

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        meter = METER.get() or Meter()
        meter.spend(CALL_WORK)
        if isinstance(__obj, LoopContext):
            meter.spend(CALL_WORK)
            args = tuple(iterated(each) for each in args)
        elif isinstance(getattr(__obj, "__self__", None), LoopContext):
            meter.spend(CHARACTER * size_of(args))
        else:
            check_method(__obj, args, kwargs)
        meter.enter()
        try:
            return super().call(__context, __obj, *args, **kwargs)
        finally:
            meter.leave()

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if len(source) > MAX_SOURCE:
            raise TemplateLimitError(f"a source of {len(source):,} characters; {MAX_SOURCE:,} are allowed", name=name)
        if source.count("{{") + source.count("{%") > MAX_TREE_NODES:
            raise TemplateLimitError("the template has too many parts", name=name)
        try:
            tree = super()._parse(source, name, filename)
        except RecursionError:
            raise TemplateLimitError("the template is nested too deeply", name=name) from None
        except ValueError as error:  # Python refuses to read an integer of more than 4,300 digits
            raise TemplateLimitError("a number of too many digits", name=name) from error
        check_shape(tree, name)
        return tree

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        check_shape(source, name)
        try:
            return super()._generate(instrumented(source), name, filename, defer_init=defer_init)
        except RecursionError:
            raise TemplateLimitError("the template is nested too deeply", name=name) from None

    def _compile(self, source: str, filename: str) -> CodeType:
        try:
            return super()._compile(source, filename)
        except (
            SyntaxError,
            RecursionError,
            MemoryError,
        ) as error:  # CPython limits how deep blocks and expressions nest
            raise TemplateLimitError("the template is nested too deeply", name=filename) from error


def campaign_environment(*, autoescape: bool, loader: BaseLoader | None = None) -> CampaignEnvironment:
    """The environment that a campaign's templates are rendered in, row by row, wherever columns do not reach.

    Undefined names raise; only plain values should be passed. A rendering that exceeds its limits raises TemplateLimitError.
    """
    return CampaignEnvironment(autoescape=autoescape, loader=loader)
