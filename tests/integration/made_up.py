"""Chat templates that no real model has, for what the real ones don't reach.

`SAME` render alike on both sides, or fail on both. What `either` gives may fail in Rust alone, but never gives other
text.
"""

# ruff: noqa: E501  (a template is easier to read in one line)

from __future__ import annotations

import itertools
from collections.abc import Iterator

SAME = {
    "printing": "{{ true }} {{ none }} {{ 1.5 }} {{ 1e22 }} {{ [1, 'a', \"it's\", none, false] }} {{ {'k': [1]} }}",
    "tuples": "{{ (1, 2) }}{{ (1,) }}{{ () }}{{ {'a': 1}.items() | list }}{{ (1, 2) == [1, 2] }}{% set x = 1, %}{{ x }}",
    "escapes": r"{{ 'a\nb\tc\\d\'e\x41\u00e9\101' 'f' }}",
    "strings": "{% for m in messages %}{{ m.content.strip() ~ '|' ~ m['content'].split() | join(',') }}{% endfor %}",
    "spaces": "{% for m in messages %}[{{ m.content | trim }}][{{ m.content.lstrip('\n') }}]{% endfor %}",
    "slices": "{{ 'abcdef'[::-2] }}{{ 'abc'[5:1:-1] }}{{ messages[1:] | length }}{{ messages[::-1][0].role }}{{ (1, 2)[1:] }}",
    "indexes": "{{ messages[-1].role }}{{ messages[-30] }}{{ messages[0]['con' ~ 'tent'] }}{{ messages.0.role }}",
    "json": "{{ messages | tojson }}{{ messages | tojson(indent=2) }}{{ {'f': {}, 'g': [{'a': []}]} | tojson(indent=1) }}",
    "sorted": "{{ {'b': 1, 'a': '<é>'} | tojson(sort_keys=true) }}",
    "ascii": "{{ 'é😀<' | tojson(ensure_ascii=true) }}{{ messages | tojson(separators=(',', ':')) }}",
    "raise": "{{ raise_exception('no ' ~ messages | length) }}",
    "generation": "{% for m in messages %}{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}{% endfor %}",
    "quoted tag": "{{ '{% generation %}' }}{# {% generation %} #}{% raw %}\n{% generation %}{{ x }}{% endraw %}",
    "loops": "{% for m in messages %}{% if loop.index > 2 %}{% break %}{% endif %}{{ loop.previtem }}{% endfor %}",
    "characters": "{% for c in 'añb' %}{{ c }}{{ loop.last }}{{ loop.length }}{% endfor %}",
    "else": "{% for m in messages if m.role == 'x' %}{{ m }}{% else %}nobody{% endfor %}",
    "tests": "{{ 'a' is sequence }}{{ x is iterable }}{{ tools is none }}{{ 1 is number }}{{ true is number }}",
    "tests without parentheses": "{{ 3 is divisibleby 3 and 'a' is in ['a'] and not 1 is eq 2 }}",
    "none": "{{ tools }}{{ tools | tojson }}{% for t in tools %}{% endfor %}",
    "equal none": "{{ tools == none }}{{ none == tools }}{{ tools != none }}{{ documents in [none] }}{{ not tools }}",
    "undefined": "{{ absent }}|{{ absent.field }}",
    "defaults": "{{ x | default('d') }}{{ '' | default('e', true) }}{{ '' | d('f', boolean=true) }}{{ none | default('n') }}",
    "undefined order": "{{ absent < 1 }}",
    "mixed order": "{{ 'a' < 1 }}",
    "list in text": "{{ [] in 'abc' }}",
    "scope": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}\n",
    "loop scope": "{% set x = 0 %}{% for m in messages %}{% set x = x + 1 %}{% endfor %}{{ x }}",
    "macros": "{% macro m(a, b=2) %}[{{ a }}{{ b }}]{% endmacro %}{{ m(1) }}{{ m(b=1, a=5) | upper }}{{ m() }}",
    "calls": "{% macro m() %}[{{ caller('x') }}]{% endmacro %}{% call(a) m() %}{{ a }}{% endcall %}",
    "macros see later values": "{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}",
    "blocks": "{% set x %} a {% endset %}[{{ x }}]{% filter upper %}b{% endfilter %}{% with y = 1 %}{{ y }}{% endwith %}{{ y }}",
    "generators": "{% set u = messages | selectattr('role', 'eq', 'x') %}{% if u %}T{% endif %}{{ u | list }}{{ u | list }}",
    "precedence": "{{ not true or 1 + 2 * 3 - 4 / 2 == 5.0 }}{{ 1 ~ 2 + 3 }}{{ -1 | abs }}{{ 7 // -2 }}{{ -7 % 3 }}{{ -2 ** 2 }}",
    "conditions": "{{ 1 if x }}{{ 'a' if x else 'b' if messages else 'c' }}{{ not 'a' in 'b' }}{{ 'z' not in 'abc' }}",
    "unpacking": "{% set a, b = 1, 2 %}{% set a, b = b, a %}{{ a }}{{ b }}{% for k, v in {'x': 1} | dictsort %}{{ k }}{{ v }}{% endfor %}",
    "dates": "{{ strftime_now('%Y-%m-%d %d %b %B %A %a %y %H:%M:%S %I %p %j %e %-d %-m %%') }}",
    "format": "{{ '%s is %d' % ('x', 3) }}{{ '%05.1f%%' % 2.25 }}{{ '{} {1}' }}{{ '{0}{1}{0}'.format('a', 'b') }}{{ '{x}'.format(x=3) }}",
    "line ends": "a\r\n{{ 'x' }}\r\nb\rc\n\n",
    "trimming": "  {% if true %}\n  a\n  {% endif %}\n\n{%- for m in messages -%} \n b{# c #}\n{%- endfor %}\n  {%+ if true %}\nc{% endif %}",
    "unknown filter in a branch": "{% if false %}{{ x | nobody_knows }}{% endif %}a",
    "unknown filter": "{% for x in [] %}{{ x | nobody_knows }}{% endfor %}a",
    "unknown filter in a loop in a branch": "{% if false %}{% for x in [] %}{{ x | nobody_knows }}{% endfor %}{% endif %}a",
    "argument twice": "{{ dict(a=1, a=2) }}",
    "hidden attribute": "{% set ns = namespace() %}{% set ns._a = 1 %}a",
    "include": "{% include 'x' %}",
    "lists change": "{% set x = [] %}{% set _ = x.append(1) %}{{ x }}",
    "syntax": "{% if %}",
    "open": "{% if true %}",
    "unbalanced": "{{ (1] }}",
}  # fmt: skip

_VALUES = (
    "messages", "messages[0]", "messages[0].content", "''", "'a b,c'", "'AbC d-e'", "' x\\t'", "'ß'", "'12'", "'-1.5'",
    "'Σας'", "0", "1", "-7", "1.5", "1e16", "true", "none", "absent", "[]", "[3,1,2]", "['b','a']", "['x',none,true]",
    "(1,2)", "{}", "{'b':2,'a':[1,{'c':none}]}", "{1:2}", "range(3)", "namespace(a=1)", "['a']|map('upper')",
    "{'a':1}.items()", "{'a':1}.keys()", "[[1,2],[3,4]]", "'<b>'|safe", "raise_exception", "loop",
)  # fmt: skip
_AFTER = (
    "", "|abs", "|batch(2)|list", "|capitalize", "|center(9)", "|count", "|d('q',true)", "|dictsort", "|e", "|first",
    "|float", "|format(1)", "|groupby('role')", "|indent(2,true)", "|int", "|items|list", "|join(',')", "|last",
    "|length", "|list", "|lower", "|map('upper')|list", "|map('title')|list", "|map(attribute='role')|join", "|max",
    "|min", "|pprint", "|reject('eq',1)|list", "|replace('a','b')", "|reverse|list", "|round", "|round(1)", "|safe",
    "|select('string')|list", "|selectattr('role')|list", "|sort", "|sort(reverse=true)", "|string", "|sum", "|title",
    "|tojson", "|trim", "|unique|list", "|upper", "|wordcount", "|bool", "|lines", "|split",
    " is boolean", " is callable", " is defined", " is divisibleby(3)", " is eq(1)", " is even", " is false",
    " is float", " is gt(1)", " is in([1,'a'])", " is in('abc')", " is integer", " is iterable", " is lower",
    " is mapping", " is none", " is number", " is sameas(none)", " is sequence", " is string", " is undefined",
    ".upper()", ".strip()", ".rstrip('c')", ".split()", ".split(',')", ".split(',',1)[0]", ".rsplit(',',1)",
    ".splitlines()", ".replace('a','b')", ".startswith(('a','x'))", ".endswith('c')", ".find('b')", ".count('a')",
    ".title()", ".isdigit()", ".isalpha()", ".join(['a','b'])", ".join([1])", ".removeprefix('a')", ".items()",
    ".keys()|list", ".values()", ".get('a')", ".get('z','d')", ".pop('a')", ".a", ".items", ".nosuch", ".nosuch.b",
    "['items']", "[0]", "[-1]", "[1:]", "[::-1]", "['role']", "[1.0]", "[true]", "[9]",
)  # fmt: skip
_OPERATORS = ("+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or")
_AROUND = (
    "{%% for x in %s %%}<{{ x }}{{ loop.last }}>{%% else %%}E{%% endfor %%}",
    "{%% for a, b in %s %%}<{{ a }}={{ b }}>{%% endfor %%}",
    "{%% if %s %%}T{%% else %%}F{%% endif %%}",
    "{{ not (%s) }}",
    "{{ -(%s) }}",
    "{%% set x = %s %%}{{ x }}{{ [x] }}{{ {'k': x} }}{{ (x,) }}",
    "{{ '%%s' %% (%s) }}",
    "{{ '{}'.format(%s) }}",
    "{{ ','.join(%s) }}",
    "{{ {'a': 1}[%s] }}",
    "{{ [1, 2, 3][%s] }}",
    "{{ dict(%s) }}",
    "{{ namespace(%s).a }}",
)


def either() -> Iterator[str]:
    """Every value with every filter, test, method and operator."""
    for value in _VALUES:
        yield from (f"{{{{ ({value}){after} }}}}" for after in _AFTER)
        yield from (around % value for around in _AROUND)
        yield from (
            f"{{{{ ({value}) {sign} ({other}) }}}}" for sign, other in itertools.product(_OPERATORS, _VALUES[1::2])
        )
