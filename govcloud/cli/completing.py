"""What the Tab key offers: kinds, entries, fields and values, runs. Each is one question to the ledger.

A completion has nobody to tell an error to: where there is no workspace, or no ledger, it offers nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click
from click.shell_completion import CompletionItem

from ..errors import GovcloudError
from .common import App

if TYPE_CHECKING:
    from ..ledger.browsing import View

# Names that are offered at once; a longer list helps nobody.
MOST = 200
Items = list[CompletionItem]
Completer = Callable[[click.Context, click.Parameter, str], Items]


def quietly(function: Completer) -> Completer:
    """Nothing is offered where the ledger cannot be asked."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        try:
            return function(ctx, param, incomplete)
        except GovcloudError:
            return []

    return complete


@contextmanager
def _view(ctx: click.Context) -> Iterator[View]:
    from .viewing import open_view

    # The group's function has not run: no App is there yet.
    with open_view(App(ctx.find_root().params.get("directory")), quiet=True) as view:
        yield view


def _beginning(words: dict[str, str], incomplete: str, end: str = "") -> Items:
    return [CompletionItem(w + end, help=h or None) for w, h in words.items() if w.startswith(incomplete)]


@quietly
def complete_kind(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Kinds, with their Chinese titles."""
    from ..model import KINDS

    return _beginning({kind: cls.ZH for kind, cls in sorted(KINDS.items())}, incomplete)


@quietly
def complete_entry(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """``KIND/``, then ``KIND/NAME``."""
    from ..model import KINDS

    kind, slash, name = incomplete.partition("/")
    if not slash:
        return _beginning({k: cls.ZH for k, cls in sorted(KINDS.items())}, incomplete, "/")
    with _view(ctx) as view:
        return [CompletionItem(f"{kind}/{one}") for one in view.names(kind, name, MOST)]


@quietly
def complete_kind_or_field(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Kinds; after a full stop ``KIND.FIELD``."""
    from ..model import KINDS, fields

    kind, stop, field = incomplete.partition(".")
    if not stop:
        return complete_kind(ctx, param, incomplete)
    known = fields(kind) if kind in KINDS else {}
    return [CompletionItem(f"{kind}.{f}", help=i.doc.zh) for f, i in known.items() if f.startswith(field)]


@quietly
def complete_sample(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Samples that a workspace may start from."""
    from .. import share

    return _beginning(dict.fromkeys(sorted(share.samples()), ""), incomplete)


@quietly
def complete_mass(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Samples of which a mass can be written."""
    from .. import generate

    return _beginning(dict.fromkeys(sorted(generate.shipped()), ""), incomplete)


def complete_name(kind: str) -> Completer:
    """Names of one kind."""

    @quietly
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        with _view(ctx) as view:
            return [CompletionItem(name) for name in view.names(kind, incomplete, MOST)]

    return complete


def complete_rule(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Rules that are decided, each with its sentence."""
    from ..policy import decided

    known = decided().items()
    return [CompletionItem(id, help=one.sentence) for id, one in known if id.startswith(incomplete)]


@quietly
def complete_root(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Entries that a tree of the shape that was typed may begin with."""
    from ..report.tree import SHAPES

    shape = SHAPES.get(str(ctx.params.get("shape")))
    if shape is None:
        return []
    with _view(ctx) as view:
        return [CompletionItem(name) for name in view.names(shape.top, incomplete, MOST)]


@quietly
def complete_run(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Ids of the newest runs, with what they did."""
    from ..ledger import runs

    with _view(ctx) as view:
        found = runs.recent(view.connection, MOST)
    return _beginning({run.id: run.title for run in found}, incomplete)


@quietly
def complete_field(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Fields of the kind that was typed; after a comma, the next one."""
    before, comma, last = incomplete.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{item.value}", help=item.help)
        for item in _beginning(_fields_of(ctx), last)
    ]


@quietly
def complete_filter(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """``FIELD=``, then ``FIELD=VALUE``; names of the kind where nothing of that is meant."""
    known = _fields_of(ctx)
    # Some shells split words at "=": then the field stands before, and its value alone is wanted.
    typed = [str(text) for text in ctx.params.get(param.name or "") or ()]
    if typed and typed[-1] == "=":
        typed.pop()
    if typed and typed[-1] in known:
        return _values(ctx, typed[-1], incomplete)
    field, equals, value = incomplete.partition("=")
    if equals:
        return [CompletionItem(f"{field}={i.value}", help=i.help) for i in _values(ctx, field, value)]
    items = _beginning(known, incomplete, "=")
    with _view(ctx) as view:
        return items + [CompletionItem(n) for n in view.names(_kind(ctx), incomplete, MOST) if incomplete]


def _kind(ctx: click.Context) -> str:
    from .viewing import kind_named

    typed: Any = ctx.params.get("kind") or ctx.params.get("kinds")
    if not typed:
        # click reads nothing of a line that ends with an option whose value is to come.
        typed = next(filter(_is_kind, os.environ.get("COMP_WORDS", "").split()), "")
    return kind_named(typed if isinstance(typed, str) else str(typed[0]))


def _is_kind(word: str) -> bool:
    from ..model import KINDS, PLURALS

    return word in KINDS or word in PLURALS


def _fields_of(ctx: click.Context) -> dict[str, str]:
    from ..model import fields

    return {name: info.doc.zh for name, info in fields(_kind(ctx)).items()}


def _values(ctx: click.Context, field: str, value: str) -> Items:
    from ..model import fields

    info = fields(_kind(ctx)).get(field)
    if info is None:
        return []
    type_ = get_args(info.type)[0] if info.many else info.type
    if get_origin(type_) is Literal:
        return _beginning({str(choice): "" for choice in get_args(type_)}, value)
    if type_ is bool:
        return _beginning({"true": "是", "false": "否"}, value)
    if info.ref is None:
        return []
    with _view(ctx) as view:
        if len(info.ref.kinds) == 1:
            return [CompletionItem(name) for name in view.names(info.ref.kinds[0], value, MOST)]
        kind, slash, name = value.partition("/")
        if not slash:
            return _beginning(dict.fromkeys(info.ref.kinds, ""), value, "/")
        return [CompletionItem(f"{kind}/{one}") for one in view.names(kind, name, MOST)]
