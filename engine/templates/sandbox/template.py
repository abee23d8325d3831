"""A compiled template that renders under a meter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, Template
from jinja2.runtime import Context

from engine.templates.sandbox.limits import TemplateLimitError
from engine.templates.sandbox.meter import METER, Meter

if TYPE_CHECKING:
    from types import TracebackType

Root = Callable[[Context], Iterator[str]]


class LimitedTemplate(Template):
    """A template whose every rendering, by whatever method, has a meter of its own.

    An included, extended or imported template renders under the meter of the one that asked for it.
    """

    @classmethod
    def _from_namespace(
        cls, environment: Environment, namespace: MutableMapping[str, Any], globals: MutableMapping[str, Any]
    ) -> Template:
        template = super()._from_namespace(environment, namespace, globals)
        template.root_render_func = _metered(template.root_render_func, template.name)
        return template


def _metered(root: Root, name: str | None) -> Root:
    def render(context: Context) -> Iterator[str]:
        meter = METER.get()
        return _whole(root, context, name) if meter is None else _part(root, context, meter)

    return render


def _whole(root: Root, context: Context, name: str | None) -> Iterator[str]:
    token = METER.set(Meter())
    try:
        return iter([context.environment.concat(root(context))])
    except TemplateLimitError as error:
        raise _placed(error.reason, error, name) from error
    except RecursionError as error:
        raise _placed("the rendering goes too deep", error, name) from error
    except MemoryError as error:
        raise _placed("the rendering takes too much memory", error, name) from error
    finally:
        METER.reset(token)


def _part(root: Root, context: Context, meter: Meter) -> Iterator[str]:
    meter.enter()
    try:
        yield from root(context)
    finally:
        meter.leave()


def _placed(reason: str, error: BaseException, name: str | None) -> TemplateLimitError:
    """The error with the innermost template's name and line, which the traceback knows."""
    lineno = None
    step: TracebackType | None = error.__traceback__
    while step is not None:
        template = step.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            name, lineno = template.name, template.get_corresponding_lineno(step.tb_lineno)
        step = step.tb_next
    return TemplateLimitError(reason, name=name, lineno=lineno)
