import pytest
from jinja2 import TemplateSyntaxError

from engine.templates.sources.masking import Masks, TagKind

SOURCES = [
    "plain",
    "{{ x }}",
    "a {%- if x < 3 -%}  \n b {%+ endif +%} c",
    "{{- '}}' ~ \"{{\" -}}",
    "{# {{ x }} #}{#- y -#}",
    "{% raw %}{{ x }}{% endraw %}",
    "{%- raw -%} {{ x }} {%- endraw -%} z",
    "<p {% if a %}b{% endif %} c='{{ d }}'>\n\n{{ {'a': {'b': 1}} }}\n",
    "{% set x %}\n  {{ y }}\n{% endset %}\n\n",
    "jm0x1z {{ x }} JM1X {{ y }}",
]


@pytest.mark.parametrize("source", SOURCES)
def test_unmasking_gives_the_source_back(source: str) -> None:
    masks = Masks(source)
    masked = masks.mask(source)
    assert masks.unmask(masked) == source
    assert "".join(part if isinstance(part, str) else part.text for part in masks.split(masked)) == source


def test_every_tag_becomes_a_word() -> None:
    source = "a{%- if x < 3 -%}{{ y }}{# z #}{% raw %}{{ w }}{% endraw %}"
    masks = Masks(source)
    assert masks.mask(source) == "ajm0x0zjm0x1zjm0x2zjm0x3z{{ w }}jm0x4z"
    assert [(tag.kind, tag.keyword) for tag in masks.tags] == [
        (TagKind.STATEMENT, "if"),
        (TagKind.EXPRESSION, ""),
        (TagKind.COMMENT, ""),
        (TagKind.STATEMENT, "raw"),
        (TagKind.STATEMENT, "endraw"),
    ]


def test_a_source_that_is_not_well_formed_raises() -> None:
    with pytest.raises(TemplateSyntaxError):
        Masks().mask("{{ x }")
