"""Templates: what they generate, whose it is, and what none of them can do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from govcloud.source import read_changes, sandbox
from govcloud.workspace import Workspace
from tests.conftest import Result

from .helpers import BASE, faults, lay, loaded, make, merged, only_fault, said

SITES = 'name,title,room\nqionghai,琼海,a\nwenchang,"文昌: 一期",b\n'
TEMPLATE = """\
# Made from a table.
sites:
{% for row in table("data/sites.csv") %}
  {{ row.name }}:
    region: haikou
    role: datacentre
    title: {{ row.title | tojson }}
{% endfor %}
rooms:
{% for row in table("data/sites.csv") %}
  {{ row.name }}-{{ row.room }}: {site: {{ row.name }}}
{% endfor %}
"""


def template(root: Path, text: str = TEMPLATE, table: str | bytes = SITES, **files: str) -> Workspace:
    """A workspace with a template ``t.yaml.j2`` and the table ``data/sites.csv``."""
    workspace = make(root, a_yaml=BASE, **files)
    (root / "t.yaml.j2").write_text(text)
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "sites.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return workspace


def test_entries_from_a_table(tmp_path: Path) -> None:
    files = loaded(template(tmp_path))
    made = {(c.kind, c.name): c for c in files.claims if c.claimant == "file:t.yaml.j2"}
    assert {key: claim.fields for key, claim in made.items()} == {
        ("site", "qionghai"): {"region": "haikou", "role": "datacentre", "title": "琼海"},
        ("site", "wenchang"): {"region": "haikou", "role": "datacentre", "title": "文昌: 一期"},
        ("room", "qionghai-a"): {"site": "qionghai"},
        ("room", "wenchang-b"): {"site": "wenchang"},
    }
    assert {claim.line for key, claim in made.items() if key[0] == "site"} == {4}
    assert {claim.line for key, claim in made.items() if key[0] == "room"} == {11}
    assert sorted(files.files) == ["a.yaml", "t.yaml.j2"]
    assert files.notes == []
    place = files.position("room", "wenchang-b", "site")
    assert (place.path, place.line, place.column) == ("t.yaml.j2", 11, 0)


def test_the_digest_covers_the_tables(tmp_path: Path) -> None:
    workspace = template(tmp_path)
    known = loaded(workspace).files
    assert read_changes(workspace, known).changed == []
    (tmp_path / "data" / "sites.csv").write_text("name,title,room\nsanya,三亚,c\n")
    changes = read_changes(workspace, known)
    assert changes.changed == ["t.yaml.j2"]
    assert [claim.name for claim in changes.claims] == ["sanya", "sanya-c"]
    assert ("site", "sanya") in said(workspace)
    # A table that is not there, and one that comes.
    (tmp_path / "data" / "sites.csv").unlink()
    assert only_fault(workspace) == (
        "t.yaml.j2:3: the table data/sites.csv: the file cannot be read: no such file or directory"
    )
    (tmp_path / "data" / "sites.csv").write_text(SITES)
    assert loaded(workspace).files == known


def test_tables_in_any_encoding_and_folder_also_those_of_entries(tmp_path: Path) -> None:
    assert ("site", "wenchang") in said(template(tmp_path, table=SITES.encode("gbk")))
    workspace = template(
        tmp_path / "w",
        '{% for row in table("servers.csv") %}\nprofiles: { {{- row["name"] -}} : {}}\n{% endfor %}\n',
        servers_csv="name,机柜\nweb-1,r1\n",
    )
    assert ("profile", "web-1") in said(workspace)
    assert [str(note) for note in loaded(workspace).notes] == [
        "data/sites.csv: stands among the tables for templates, and no template reads it"
    ]


def test_what_stands_among_the_tables_is_no_entry(tmp_path: Path) -> None:
    workspace = lay(tmp_path, "x", a_yaml="profiles: {a: {}}", x__b_yaml="profiles: {b: {}}")
    for folder in ("data", "data/deep", "layers/x/data", "sub/data"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "profiles.csv").write_text(f"name\n{folder.replace('/', '-')}\n")
    assert {name for _, name in merged(workspace)} == {"a", "b", "sub-data"}
    assert [str(note) for note in loaded(workspace).notes] == [
        "data/profiles.csv: stands among the tables for templates, and no template reads it (nor 2 more)"
    ]


def test_a_template_in_a_layer_overlays(tmp_path: Path) -> None:
    workspace = lay(tmp_path, "x", a_yaml="profiles: {p1: {title: a}, p2: {title: b}, p3: {}}")
    (tmp_path / "layers" / "x").mkdir(parents=True)
    (tmp_path / "layers" / "x" / "t.yml.j2").write_text(
        "profiles:\n{% for n in range(1, 3) %}\n  p{{ n }}: {title: $delete}\n{% endfor %}\n"
    )
    assert merged(workspace) == {("profile", f"p{n}"): {} for n in (1, 2, 3)}


FILTERS = {
    "{{ '海口 Server No. 1' | slug }}": "server-no-1",
    "{{ 7 | pad(3) }}": "007",
    "{{ '10.0.0.0/8' | subnet(24, 257) }}": "10.1.1.0/24",
    "{{ 'fd00::/16' | subnet(64, 5) }}": "fd00:0:0:5::/64",
    "{{ '::/0' | subnet(128, 1) }}": "::1/128",
    "{{ '10.1.0.0/24' | host(5) }}": "10.1.0.5",
    "{{ '%03d-%s' | format(4, 'x') }}": "004-x",
    "{{ '%02d' % 4 }}": "04",
    "{{ [3, 1, 2] | sort | join('/') }}": "1/2/3",
    "{{ 'a' ~ 1 ~ 'b' }}": "a1b",
    "{{ ('7' | int) + 1 }}": "8",
    "{{ 'x' | int(3) }}": "3",
    "{{ table('data/sites.csv') | map(attribute='name') | join(',') }}": "qionghai,wenchang",
    "{{ table('data/sites.csv') | selectattr('room', 'eq', 'b') | map(attribute='name') | first }}": (
        "wenchang"
    ),
    "{% for k, rows in table('data/sites.csv') | groupby('room') %}{{ k }}{{ rows | length }}{% endfor %}": (
        "a1b1"
    ),
    "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m('y') }}": "<y>",
    "{% set ns = namespace(n=0) %}{% for x in 'abc' %}{% set ns.n = ns.n + 2 %}{% endfor %}{{ ns.n }}": "6",
    "{{ {'a': 1}.items() | first | first }}": "a",
    "{{ 'a,b'.split(',') | last | upper }}": "B",
    "{{ [1, 2] | sum }}": "3",
    "{{ 2 ** 10 }}": "1024",
    "{{ 'ab' * 2 + 'c' }}": "ababc",
    "{{ ([1] + [2]) | length }}": "2",
    "{{ 2.567 | round(1) }}": "2.6",
    "{{ missing | default('d') }}": "d",
    "{% filter upper %}x{% endfilter %}": "X",
    "{% set t %}\nx\ny{% endset %}{{ t | replace('\\n', '+') }}": "x+y",
    "{% call(x) m2() %}{{ x }}{% endcall %}{% macro m2() %}{{ caller(1) }}{% endmacro %}": None,
}


@pytest.mark.parametrize("expression", FILTERS)
def test_filters_and_operators(tmp_path: Path, expression: str) -> None:
    workspace = template(
        tmp_path, f'{{% set x %}}{expression}{{% endset %}}profiles: {{p: {{title: "{{{{ x }}}}"}}}}'
    )
    expected = FILTERS[expression]
    if expected is None:
        assert "undefined" in only_fault(workspace)
    else:
        assert said(workspace)["profile", "p"] == {"title": expected}


def test_any_text_comes_back_through_tojson(tmp_path: Path) -> None:
    odd = "a\"b'c\\d: #{}[]\u2028\x85\u3000&<>\ufeff\U0001f600"
    table = f'name,title\np,"{odd.replace(chr(34), chr(34) * 2)}"\n'
    text = (
        '{% for r in table("data/sites.csv") %}\nprofiles: {p: {title: {{ r.title|tojson }}}}\n{% endfor %}'
    )
    assert said(template(tmp_path, text, table))["profile", "p"] == {"title": odd}


WRONG = {
    # What is wrong with the template itself.
    "{% for x in %}": "t.yaml.j2:1: not a template: Expected an expression, got 'end of statement block'",
    "a\n{{ nothing }}": (
        "t.yaml.j2:2: 'nothing' is undefined (variables come from `{% for %}`, `{% set %}` and macros)"
    ),
    "\n\n{{ 1 / 0 }}": "t.yaml.j2:3: it fails: division by zero",
    "{{ 'x' | nofilter }}": "t.yaml.j2:1: not a template: No filter named 'nofilter'",
    "{% include 'a.yaml' %}": "t.yaml.j2:1: a template stands alone: no `include`",
    "{% extends 'a.yaml' %}": "t.yaml.j2:1: a template stands alone: no `extends`",
    "{% from 'a' import b %}": "t.yaml.j2:1: a template stands alone: no `fromimport`",
    "{% block x %}{% endblock %}": "t.yaml.j2:1: a template stands alone: no `block`",
    # Tables.
    "{% set p = 'x' %}\n{{ table(p) }}": (
        "t.yaml.j2:2: `table` takes one text in quotes (what a template reads is known before it is "
        'rendered: table("data/sites.csv"))'
    ),
    "{% set t = table %}": "t.yaml.j2:1: `table` can only be called",
    "{{ table('../x.csv') }}": (
        "t.yaml.j2:1: the table '../x.csv': expected a path below the workspace, like data/sites.csv"
    ),
    "{{ table('/etc/x.csv') }}": (
        "t.yaml.j2:1: the table '/etc/x.csv': expected a path below the workspace, like data/sites.csv"
    ),
    "{{ table('.govcloud/x.csv') }}": (
        "t.yaml.j2:1: the table '.govcloud/x.csv': expected a path below the workspace, like data/sites.csv"
    ),
    "{{ table('govcloud.yaml') }}": "t.yaml.j2:1: the table 'govcloud.yaml': expected a CSV file",
    "{{ table('data/sites.csv')[0].titel }}": (
        "t.yaml.j2:1: the table has no column 'titel'; columns: name, title, room"
    ),
    "{{ table('data/sites.csv')[0]['titel'] }}": (
        "t.yaml.j2:1: the table has no column 'titel'; columns: name, title, room"
    ),
    "{{ table('data/sites.csv')[7].name }}": "t.yaml.j2:1: list object has no element 7",
    "{{ table('data/sites.csv') }}": (
        "t.yaml.j2:1: a list or a mapping cannot be written; use `|join(', ')` or `|tojson`"
    ),
    # What reaches for Python.
    "{{ ''.__class__ }}": (
        "t.yaml.j2:1: access to attribute '__class__' of 'str' object is unsafe "
        "(templates have values, filters and loops, and nothing of Python)"
    ),
    "{{ table.__globals__ }}": "t.yaml.j2:1: `table` can only be called",
    "{{ range.__self__ }}": "t.yaml.j2:1: 'function object' has no attribute '__self__'",
    "{{ ''['__class__'] }}": "t.yaml.j2:1: access to attribute '__class__' of 'str' object is unsafe",
    "{{ ''|attr('__class__') }}": "t.yaml.j2:1: not a template: No filter named 'attr'",
    "{{ 'a'.format(1) }}": "t.yaml.j2:1: access to attribute 'format' of 'str' object is unsafe",
    "{{ [].append(1) }}": "t.yaml.j2:1: access to attribute 'append' of 'list' object is unsafe",
    "{{ {}.update(a=1) }}": "t.yaml.j2:1: access to attribute 'update' of 'dict' object is unsafe",
    "{{ self._TemplateReference__context }}": "t.yaml.j2:1: ",
    "{{ cycler }}": "t.yaml.j2:1: 'cycler' is undefined",
    "{{ lipsum.__globals__ }}": "t.yaml.j2:1: 'lipsum' is undefined",
    "{% macro m() %}{{ varargs }}{% endmacro %}": "t.yaml.j2:1: `varargs` is not used here",
    # What would take all of the time or memory that there is.
    "{{ range(10**9) }}": "t.yaml.j2:1: a range longer than 100,000",
    "{{ 10**10**10 }}": "t.yaml.j2:1: a number of bits larger than 128",
    "{{ 'x' * 10**10 }}": "t.yaml.j2:1: a text larger than 16,777,216",
    "{{ [1] * 10**10 }}": "t.yaml.j2:1: a list larger than 1,000,000",
    "{{ '%0999999999d' % 1 }}": "t.yaml.j2:1: a format is like %s, %d or %03d",
    "{{ 'x'.center(10**9) }}": "t.yaml.j2:1: access to attribute 'center' of 'str' object is unsafe",
    "{{ 'x'|center(10**9) }}": "t.yaml.j2:1: not a template: No filter named 'center'",
    "{{ 1|round(10**9) }}": "t.yaml.j2:1: a number of digits larger than 20",
    "{{ 1|pad(10**9) }}": "t.yaml.j2:1: a width larger than 40",
    "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40: "t.yaml.j2:1: a list larger than 1,000,000",
    "{% set x = [1] %}" + "{% set x = [x] * 2 %}" * 40: "t.yaml.j2:1: a list larger than 1,000,000",
    "{% set x = 'x' %}" + "{% set x = x ~ x %}" * 40: "t.yaml.j2:1: a text larger than 16,777,216",
    "{% set x = 'x' %}"
    + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40: "t.yaml.j2:1: it writes more than 16 MiB",
    "{% set x = 'xx' %}"
    + "{% set x = x|replace('x', x) %}" * 40: "t.yaml.j2:1: a text larger than 16,777,216",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": "t.yaml.j2:1: the template calls itself too often",
    "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}": (
        "t.yaml.j2:1: the template calls itself too often"
    ),
    "{{" + "(" * 5000 + ")" * 5000 + "}}": "t.yaml.j2:0",
    "{{" + "-" * 50_000 + "1}}": "t.yaml.j2",
    "{{ 1" + "0" * 5000 + " }}": "t.yaml.j2",
    "{% for a in 'x' %}" * 30 + "{% endfor %}" * 30: "t.yaml.j2: the template is nested too deep",
    '{{ "\\ud800" }}': "t.yaml.j2: it writes half a character",
    '{{ "\\x00" }}': "t.yaml.j2:1: a value holds a NUL character",
    # What it writes.
    "profiles:\n{% for x in 'ab' %}\n  p: {title: {{ x }}}\n{% endfor %}": (
        "t.yaml.j2:3: 'p' is written twice in the same mapping; first in line 2; in the rendered line 3: "
        "'p: {title: b}' (join the two)"
    ),
    "{% set t = 'a: b' %}\nprofiles:\n  p: {title: {{ t }}}": (
        "t.yaml.j2:3: not YAML: while parsing a flow mapping: did not find expected ',' or '}'; "
        "in the rendered line 2: 'p: {title: a: b}'"
    ),
    "profiles:\n  p:\n    titel: x\n": (
        "t.yaml.j2:3: profile/p: no field is called 'titel'; in the rendered line 3: 'titel: x' "
        "(did you mean 'title'?)"
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", range(len(WRONG)))
def test_what_is_wrong(tmp_path: Path, case: int) -> None:
    text, told = list(WRONG.items())[case]
    found = faults(template(tmp_path, text))
    assert len(found) == 1, found
    assert found[0].startswith(told.removesuffix(":0"))


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
            "more than 200,000 rounds of loops and macros",
        ),
        (
            "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
            "more than 200,000 rounds of loops and macros",
        ),
        (
            (
                "{% for a in range(100000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "{% for b in range(20) %}yyyyyyyyyyyyyyyyyyyyyyyy{% endfor %}{% endfor %}"
            ),
            "it writes more than 16 MiB",
        ),
        (
            "{% for a in range(100000) %}{% set x = range(100000)|list|sort|join %}{% endfor %}",
            "it takes longer than 1 seconds",
        ),
    ],
)
def test_loops_end(tmp_path: Path, text: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MOST_ROUNDS", 200_000 if "rounds" in told else 1_000_000)
    monkeypatch.setattr(sandbox, "MOST_SECONDS", 1.0 if "longer" in told else 60.0)
    started = time.monotonic()
    assert told in only_fault(template(tmp_path, text))
    assert time.monotonic() - started < 30


def test_what_did_not_change_is_neither_rendered_nor_understood_again(tmp_path: Path) -> None:
    workspace = template(tmp_path)
    loaded(workspace)
    program = (
        "import sys; from govcloud.workspace import open_workspace; from govcloud.source import load; "
        f"print(len(load(open_workspace({str(workspace.root)!r})).claims), 'jinja2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["14", "False"]


TABLES = {
    "name,name\n1,2\n": "the table data/sites.csv:1: two columns are called 'name'",
    "name\n1,2\n": "the table data/sites.csv:2: the row has 2 cells, the header 1",
    'name\n"x\n': "the table data/sites.csv:2: not CSV: unexpected end of data",
    "name\n\0\n": "the table data/sites.csv:2:1: the file holds a NUL character; it is not text",
    "name\n" + "x" * 200_000: "the table data/sites.csv:2: not CSV: field larger than field limit (131072)",
    "a," * 2000 + "\n": "the table data/sites.csv:1: 2001 columns, expected at most 1000",
}


@pytest.mark.parametrize("case", range(len(TABLES)))
def test_tables_that_are_wrong(tmp_path: Path, case: int) -> None:
    table, told = list(TABLES.items())[case]
    assert only_fault(template(tmp_path, "\n{{ table('data/sites.csv') }}", table)) == f"t.yaml.j2:2: {told}"


def test_a_table_behind_a_link_that_leads_out(tmp_path: Path) -> None:
    workspace = template(tmp_path / "w", "{{ table('data/x.csv')[0].name }}")
    (tmp_path / "x.csv").write_text("name\nsecret\n")
    (tmp_path / "w" / "data" / "x.csv").symlink_to(tmp_path / "x.csv")
    assert only_fault(workspace) == (
        "t.yaml.j2:1: the table data/x.csv is a link that leads out of the workspace"
    )


def test_the_command_line_reads_templates(tmp_path: Path, cli: Callable[..., Result]) -> None:
    template(tmp_path)
    assert cli("validate", "--json", cwd=tmp_path).json["kinds"]["site"] == 3
    (tmp_path / "t.yaml.j2").write_text("{{ ''.__class__ }}")
    done = cli("validate", cwd=tmp_path)
    assert done.code == 2
    assert "t.yaml.j2:1: access to attribute '__class__'" in done.err
