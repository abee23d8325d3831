"""Payloads by which templates have been made to reach beyond their row, and variations of them."""

import datetime

import jinja2
import pytest
from jinja2 import DictLoader
from jinja2.sandbox import SecurityError

from engine.templates.sandbox import TemplateLimitError, campaign_environment

REFUSED = (
    SecurityError,
    TemplateLimitError,
    jinja2.UndefinedError,
    jinja2.TemplateSyntaxError,
    jinja2.TemplateRuntimeError,
)
OBJECTS = ["''", "[]", "{}", "1", "none", "day", "range", "dict", "namespace()", "self", "macro"]
ATTRIBUTES = ["__class__", "__init__", "__globals__", "__subclasses__", "__dict__", "__reduce_ex__"]
WAYS = [
    "{{{{ {object}.{attribute} }}}}",
    "{{{{ {object}['{attribute}'] }}}}",
    "{{{{ {object}|attr('{attribute}') }}}}",
    "{{{{ {object}|attr('__'|replace('x', '') ~ '{attribute}'[2:]) }}}}",
    "{{{{ [{object}]|map(attribute='{attribute}')|list }}}}",
    "{{{{ [{object}]|map('attr', '{attribute}')|list }}}}",
    "{{{{ [{object}]|groupby('{attribute}')|map('first')|list }}}}",
    "{{{{ [{object}]|sum(attribute='{attribute}', start='') }}}}",
    "{{{{ [{object}]|selectattr('{attribute}')|list }}}}",
    "{{{{ '{{0.{attribute}}}'.format({object}) }}}}",
    "{{{{ '{{0[{attribute}]}}'.format({object}) }}}}",
    "{{{{ '{{x.{attribute}}}'.format_map({{'x': {object}}}) }}}}",
    "{{{{ ('{{0.{attribute}}}'|safe).format({object}) }}}}",
    "{{% set f = '{{0.{attribute}}}'.format %}}{{{{ f({object}) }}}}",
    "{{{{ ['{{0.{attribute}}}']|map('attr', 'format')|first }}}}{{{{ (['{{0.{attribute}}}']|map('attr', 'format')|first)({object}) }}}}",
    "{{% set ns = namespace(f='{{0.{attribute}}}'.format) %}}{{{{ ns.f({object}) }}}}",
]
WHOLE = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__cl' ~ 'ass__']['__mro__'] }}",
    '{{ "\\x5f\\x5fclass\\x5f\\x5f" and (""|attr("\\x5f\\x5fclass\\x5f\\x5f")) }}',
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ self._TemplateReference__context.cycler.__init__.__globals__.os }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ namespace().__init__.__globals__.sys }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ lipsum(n=10) }}",
    "{{ config.items() }}",
    "{{ request.application.__globals__ }}",
    "{{ url_for.__globals__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ range.__self__ }}",
    "{{ range.__call__.__func__ }}",
    "{{ range.__globals__ }}",
    "{{ dict.mro() }}",
    "{{ dict.__base__ }}",
    "{{ dict.__subclasses__() }}",
    "{{ dict.fromkeys([1]) }}",
    "{{ ''.join.__self__.__class__ }}",
    "{{ (1).to_bytes(9) }}",
    "{{ 'a'.encode() }}",
    "{{ 'a'.translate({97: 'b'}) }}",
    "{{ 'a'.maketrans('a', 'b') }}",
    "{{ [1].append(2) }}",
    "{{ [1].clear() }}",
    "{{ {}.update({'a': 1}) }}",
    "{{ {}.setdefault('a', 1) }}",
    "{{ cart.append(1) }}",
    "{% for i in cart %}{{ loop._iterable }}{% endfor %}",
    "{% for i in cart %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{% for i in cart %}{{ loop._undefined.__init__.__globals__ }}{% endfor %}",
    "{% for i in cart recursive %}{{ loop._recurse.__globals__ }}{% endfor %}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{% call m() %}{% endcall %}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{% macro m() %}{% endmacro %}{{ m._environment }}",
    "{% macro m() %}{% endmacro %}{{ m.__call__.__globals__ }}",
    "{% import 'other' as o %}{{ o.__dict__ }}",
    "{% import 'other' as o %}{{ o._body_stream }}",
    "{% import 'other' as o %}{{ o.__init__.__globals__ }}",
    "{% block b %}{% endblock %}{{ self.b._context }}",
    "{% block b %}{% endblock %}{{ self.b.__init__.__globals__ }}",
    "{{ missing.__init__.__globals__ }}",
    "{{ missing._undefined_exception }}",
    "{{ ([1]|map('upper')).gi_frame }}",
    "{{ ([1]|map('upper')).gi_code.co_consts }}",
    "{{ ([1]|map('upper')).gi_frame.f_globals }}",
    "{{ ([1]|batch(1)).gi_frame.f_back }}",
    "{{ day.now() }}",
    "{{ day.today() }}",
    "{{ day.utcnow() }}",
    "{{ day.fromtimestamp(0) }}",
    "{{ [1, 2]|random }}",
    "{{ [1]|map('no such filter')|list }}",
    "{% include '/etc/passwd' %}",
    "{% include '../../etc/passwd' %}",
    "{% extends name %}",
    "{% set __builtins__ = 1 %}{{ __builtins__.eval }}",
    "{% set range.x = 1 %}",
    "{% set ns = {} %}{% set ns.__class__ = 1 %}",
    "{{ ().__class__.__bases__[0].__subclasses__()[40]('/etc/passwd').read() }}",
    "{{ '%(x.__class__)s' % {'y': 1} }}",
    "{{ '{a.b.__class__}'.format(a={'b': 1}) }}",
    "{{ '{0.x.__init__.__globals__}'.format(namespace(x=1)) }}",
    "{{ ''.format.__self__.__class__ }}",
    "{{ ''.format.__wrapped__ }}",
    "{{ ''.format.__globals__ }}",
    "{{ ''.format.__closure__ }}",
    "{{ ''.format_map.__code__ }}",
]
GENERATED = [
    way.format(object=value, attribute=attribute) for way in WAYS for value in OBJECTS for attribute in ATTRIBUTES
]


@pytest.mark.parametrize("autoescape", [True, False])
@pytest.mark.parametrize("payloads", [WHOLE, GENERATED], ids=["written", "generated"])
def test_no_payload_gets_out(payloads: list[str], autoescape: bool) -> None:
    environment = campaign_environment(autoescape=autoescape, loader=DictLoader({"other": "{% set x = 1 %}"}))
    escaped = [payload for payload in payloads if not is_refused(environment, payload)]
    assert escaped == []


def is_refused(environment: jinja2.Environment, payload: str) -> bool:
    source = "{% macro macro() %}{% endmacro %}" + payload if not payload.startswith("{% extends") else payload
    row = {"name": "Zoë", "day": datetime.datetime(2026, 3, 1), "cart": [1]}
    try:
        rendered = environment.from_string(source).render(row)
    except (*REFUSED, TypeError, KeyError, AttributeError, ValueError, jinja2.TemplateNotFound):
        return True
    return rendered in ("", "[]", "[Undefined]")  # what a filter makes of an attribute that it may not have
