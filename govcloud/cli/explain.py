"""`govcloud explain`: what a kind or a field means, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError, Problem
from .common import console, emit, json_option, nearest
from .completing import complete_kind_or_field

if TYPE_CHECKING:
    from ..model import FieldInfo


@click.command()
@click.argument("name", metavar="[KIND[.FIELD]]", required=False, shell_complete=complete_kind_or_field)
@json_option
def explain(name: str | None, as_json: bool) -> None:
    """Tell what a kind or a field is: type, meaning, the rules that read it. Without a name: all kinds."""
    if name is None:
        _explain_all(as_json)
        return
    kind, dot, field = name.partition(".")
    if dot:
        _explain_field(kind, field, as_json)
    else:
        _explain_kind(kind, as_json)


def _explain_all(as_json: bool) -> None:
    from ..model import KINDS
    from ..model.domains import DOMAINS

    if as_json:
        emit([_kind_document(kind, whole=False) for _, kinds in DOMAINS.values() for kind in kinds])
        return
    from rich.text import Text

    from .tables import print_line

    out = console()
    wide = max(len(kind) for kind in KINDS)
    for domain, (zh, kinds) in DOMAINS.items():
        out.print(Text.assemble((domain, "bold"), f" {zh}"))
        for kind in kinds:
            cls = KINDS[kind]
            print_line(
                out,
                Text.assemble("  ", (f"{kind:{wide}}", "cyan"), f"  {cls.ZH}  {_sentence(cls)}"),
                wide + 4,
            )


def _explain_kind(word: str, as_json: bool) -> None:
    from ..model import KINDS, fields
    from ..model.base import Entry, Planned
    from ..model.words import type_words
    from .viewing import kind_named

    kind = kind_named(word)
    if as_json:
        emit(_kind_document(kind, whole=True))
        return
    from rich.text import Text

    from .tables import print_line

    cls, out = KINDS[kind], console()
    print_line(out, Text.assemble((kind, "bold cyan"), f"  {cls.ZH}, in files `{cls.PLURAL}`"))
    print_line(out, Text(_sentence(cls)))
    out.print()
    infos = [*fields(kind).values()]
    wide = max(len(info.name) for info in infos) + 1
    # What is a kind's own comes before what many kinds can say.
    shared = {*Entry.__struct_fields__, *(Planned.__struct_fields__ if issubclass(cls, Planned) else ())}
    for info in sorted(infos, key=lambda info: info.name in shared):
        name = info.name + ("*" if info.required else "")
        print_line(
            out,
            Text.assemble((f"{name:{wide}}", "cyan"), f"  {info.doc.zh}  ", (type_words(info), "dim")),
            wide + 2,
        )
        meaning = Text.assemble(" " * (wide + 2), info.doc.en, (_read_by(info), "yellow"))
        print_line(out, meaning, wide + 2)
    out.print("\n* required", style="dim")


def _read_by(info: FieldInfo) -> str:
    return f" [{' '.join(info.doc.rules)}]" if info.doc.rules else ""


def _explain_field(word: str, field: str, as_json: bool) -> None:
    from ..model import fields
    from ..model.rules import rules
    from .viewing import kind_named

    kind = kind_named(word)
    info = fields(kind)[_field_named(kind, field)]
    if as_json:
        emit({"kind": kind} | _field_document(info))
        return
    from rich.text import Text

    from .tables import print_line

    out = console()
    print_line(out, Text.assemble((f"{kind}.{info.name}", "bold cyan"), f"  {info.doc.zh}"))
    print_line(out, Text(info.doc.en))
    for label, value in _facts(info):
        print_line(out, Text.assemble((f"  {label:10}", "dim"), value), 12)
    for rule in info.doc.rules:
        one = rules()[rule]
        print_line(out, Text.assemble("  ", (f"{rule:10}", "yellow"), one.sentence), 12)


def _field_named(kind: str, word: str) -> str:
    from ..model import fields

    infos = fields(kind)
    titles = {title: n for n, i in infos.items() for title in (i.doc.zh, i.doc.zh.partition("(")[0])}
    found = word if word in infos else titles.get(word)
    if found is None:
        guess = nearest(word, [*infos, *titles])
        hint = f"did you mean {kind}.{guess}?" if guess else f"fields: {', '.join(infos)}"
        raise InputError([Problem(f"{kind} has no field {word!r}")], hint=hint)
    return found


def _facts(info: FieldInfo) -> Iterator[tuple[str, str]]:
    from ..model.schema import says_default
    from ..model.words import type_words

    yield "type", type_words(info)
    if info.required:
        yield "required", "yes"
    elif says_default(info):
        yield "default", json.dumps(info.default, ensure_ascii=False)
    if info.holds is not None:
        taken = {
            "itself": "the address",
            "first": "the first address of the prefix",
            "both": "both addresses of the prefix",
        }
        yield "takes", taken[info.holds.what]


def _kind_document(kind: str, *, whole: bool) -> dict[str, Any]:
    from ..model import KINDS, fields
    from ..model.domains import domain_of

    cls = KINDS[kind]
    out: dict[str, Any] = {
        "kind": kind,
        "plural": cls.PLURAL,
        "title": cls.ZH,
        "domain": domain_of(kind),
        "description": _sentence(cls),
    }
    if whole:
        out["fields"] = [_field_document(info) for info in fields(kind).values()]
    return out


def _field_document(info: FieldInfo) -> dict[str, Any]:
    from ..model.rules import rules
    from ..model.schema import says_default
    from ..model.words import type_words

    return {
        "field": info.name,
        "title": info.doc.zh,
        "description": info.doc.en,
        "type": type_words(info),
        "required": info.required,
        "default": info.default if says_default(info) else None,
        "many": info.many,
        "references": list(info.ref.kinds) if info.ref else [],
        "holds": info.holds.what if info.holds else "",
        "rules": [{"id": rule, "sentence": rules()[rule].sentence} for rule in info.doc.rules],
    }


def _sentence(cls: type) -> str:
    from ..model.schema import first_line

    return first_line(cls)
