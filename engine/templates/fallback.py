"""Row by row: Jinja2 itself, for what is not vectorised and for the rows on which it may raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, Template, meta


@dataclass(frozen=True, slots=True)
class Fallback:
    """Something that is not vectorised: where, which construct, and why."""

    template: str
    line: int
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.template}:{self.line}: {self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class RowTemplate:
    """A template as Jinja2 renders it, with the constants that every row sees."""

    template: Template
    name: str | None
    reads: frozenset[str]
    constants: Mapping[str, Any]

    @classmethod
    def of(cls, environment: Environment, source: str, name: str | None, constants: Mapping[str, Any]) -> RowTemplate:
        """Compile; raises ``jinja2.TemplateSyntaxError``."""
        code = environment.compile(source, name=name)
        template = environment.template_class.from_code(environment, code, environment.make_globals(None))
        tree = environment.parse(source, name=name)
        return cls(template, name, frozenset(meta.find_undeclared_variables(tree)) - set(constants), constants)

    def with_constants(self, constants: Mapping[str, Any]) -> RowTemplate:
        return RowTemplate(self.template, self.name, self.reads - set(constants), constants)

    def render(self, row: Mapping[str, Any]) -> str:
        """The row's text; raises what Jinja2 raises."""
        return self.template.render({**row, **self.constants})

    def attempt(self, row: Mapping[str, Any]) -> str | Exception:
        """The row's text, or what Jinja2 raises on it."""
        try:
            text = self.render(row)
            text.encode()
        except Exception as error:
            return error
        return text
