"""`govcloud request templates` and `request new`: what can be asked for, and a form for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConflictError, InputError, Problem
from ..printable import visible
from .common import App, console, emit, json_option

if TYPE_CHECKING:
    from ..request.asking import Ask, Question
    from ..request.document import Document
    from ..request.ground import Ground
    from ..request.templates import Parameter, Template

# Choices that are listed one by one; of more, the nearest are told where an answer is wrong.
MOST_CHOICES = 20


@click.command()
@click.argument("name", required=False, metavar="[TEMPLATE]")
@json_option
@click.pass_obj
def templates(app: App, name: str | None, as_json: bool) -> None:
    """What can be asked for, or the parameters of one template."""
    from ..request.asking import template_named
    from ..request.templates import catalogue

    found = catalogue(app.workspace)
    if name is None:
        _list(found, as_json)
        return
    template = template_named(found, name)
    if as_json:
        emit(_document(name, template) | {"parameters": [_told(*one) for one in template.asked.items()]})
        return
    click.echo(f"{name}  {visible(template.zh)} · {visible(template.en)}")
    click.echo(visible(template.what))
    click.echo()
    from .tables import print_table

    rows = [_row(key, one) for key, one in template.asked.items()]
    print_table(console(), ["parameter", "", "takes", "default", "what it is"], rows)


def _list(found: dict[str, Template], as_json: bool) -> None:
    from .tables import print_table

    if as_json:
        emit({"templates": [_document(name, one) for name, one in found.items()]})
        return
    rows = [[name, one.zh, one.en, one.what] for name, one in found.items()]
    print_table(console(), ["template", "", "", "what it makes"], rows)


def _document(name: str, template: Template) -> dict[str, Any]:
    return {
        "name": name,
        "zh": template.zh,
        "en": template.en,
        "what": template.what,
        "path": template.path,
    }


def _told(name: str, parameter: Parameter) -> dict[str, Any]:
    import msgspec

    return {"name": name, **msgspec.to_builtins(parameter)}


def _row(name: str, parameter: Parameter) -> list[str]:
    takes = {"ref": "/".join(parameter.kinds), "choice": "|".join(parameter.choices)}.get(parameter.type)
    takes = takes or parameter.type
    if parameter.min is not None or parameter.max is not None:
        low, high = (f"{b:g}" if b is not None else "" for b in (parameter.min, parameter.max))
        takes += f" {low}..{high}"
    if parameter.measure:
        takes += f" {parameter.measure}"
    default = parameter.default
    if default is None:
        default = "the only one" if parameter.only else "must be said" if parameter.required else ""
    if isinstance(default, str) and "{" in default:
        default = "depends"
    words = str(default).lower() if isinstance(default, bool) else str(default)
    return [name, parameter.zh, f"{takes}, …" if parameter.many else takes, words, parameter.help]


@click.command()
@click.argument("template", metavar="TEMPLATE")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A parameter; a list with commas.")
@click.option("--from", "source", type=click.Path(path_type=Path), metavar="FILE", help="Parameters as YAML.")
@click.option("--name", metavar="NAME", help="The request's name; names of what it makes begin with it.")
@click.option("--unit", metavar="UNIT", help="The unit that asks; otherwise your own.")
@click.option("--applicant", metavar="PERSON", help="Who asks; otherwise you.")
@click.option("--title", metavar="TEXT", help="What people call the request.")
@click.option("--reason", metavar="TEXT", help="Why it is needed.")
@click.option("--starts-on", metavar="DAY", help="The day from which it is needed.")
@click.option("--until", metavar="DAY", help="The last day, where it is for a time.")
@click.option("--programme", metavar="NAME", help="The investment project that it is for.")
@click.option("--all", "everything", is_flag=True, help="Ask for what has a default, too.")
@click.option("--add", type=click.Path(path_type=Path), metavar="FILE", help="Add an item to this request.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Where to write it.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
@click.pass_obj
def new(
    app: App,
    /,
    template: str,
    pairs: tuple[str, ...],
    source: Path | None,
    add: Path | None,
    out: Path | None,
    everything: bool,
    force: bool,
    as_json: bool,
    **head: str | None,
) -> None:
    """Write a request from a template, asking in the terminal for what is missing.

    Nothing is asked where there is no terminal: all that is missing is told at once. The form is written
    to requests/NAME.yaml; people read and change it before it is submitted.
    """
    from ..access import sight, who
    from ..access.sight import keys_of
    from ..files import write_atomically
    from ..ledger import open_ledger
    from ..request import document, expanding
    from ..request.ground import Ground
    from ..request.templates import catalogue

    if add is not None:
        _alone({**head, "out": out})
    ledger = open_ledger(app.workspace)
    person = who(app.workspace, ledger).person
    old = document.read(add) if add is not None else None
    ask = _ask if sys.stdin.isatty() and not as_json else None
    with ledger.read() as connection:
        hidden = keys_of(connection, sight(app.workspace, ledger, connection))
        if old is None:
            ground = Ground(connection, hidden)
        else:
            ground = expanding.ground_with(app.workspace, connection, old, hidden=hidden)
        form = _Asking(catalogue(app.workspace), ground, ask, everything)
        made, written = form.fill(template, list(pairs), source, old, add, head, person)
        entries = expanding.expand(app.workspace, connection, made, hidden=hidden)
    path = add or out or app.workspace.root / document.FOLDER / f"{made.name}.yaml"
    if add is None and path.exists() and not force:
        raise ConflictError(
            f"{_near(path)} is there already", hint="--out FILE, --add FILE, or --force to write over it"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, written, mode=0o644)
    if as_json:
        emit({"file": str(path), "request": made, "entries": ["/".join(key) for key in entries]})
        return
    kinds = ", ".join(sorted({kind for kind, _ in entries}))
    count = len(made.items)
    what = "1 item that makes" if count == 1 else f"{count} items that make"
    click.echo(f"{_near(path)}: {what} {len(entries)} entries ({kinds})")
    click.echo(f"next: govcloud request submit {_near(path)}")


def _near(path: Path) -> str:
    """A path as it is typed from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _alone(others: dict[str, Any]) -> None:
    """Raises ``InputError`` for options that say what the file of ``--add`` says."""
    problems = [
        Problem(f"--{name.replace('_', '-')} and --add do not go together: the file says it")
        for name, value in others.items()
        if value
    ]
    if problems:
        raise InputError(problems)


class _Asking:
    """A form that is being filled in."""

    def __init__(self, known: dict[str, Template], ground: Ground, ask: Ask | None, everything: bool) -> None:
        self.known, self.ground, self.ask, self.everything = known, ground, ask, everything

    def fill(
        self,
        name: str,
        pairs: list[str],
        source: Path | None,
        old: Document | None,
        path: Path | None,
        head: dict[str, str | None],
        person: str,
    ) -> tuple[Document, bytes]:
        """The document, and its file."""
        import msgspec

        from ..request import asking, writing
        from ..request.document import Document
        from ..request.parameters import Form

        template = asking.template_named(self.known, name)
        problems: list[Problem] = []
        try:
            begun = old or asking.head(self._person(head, person), self.ground, self.ask)
        except InputError as error:
            # What the item lacks is told with it.
            problems, begun = error.problems, Document(name="request", unit=head["unit"] or "", applicant="")
        form = Form(template, self.ground, begun)
        said = (asking.parameters_in(source) if source else {}) | asking.options(form, pairs)
        try:
            item, values = asking.item(name, form, said, self.ask, everything=self.everything)
        except InputError as error:
            problems += error.problems
        if problems:
            raise InputError(problems, hint=f"`govcloud request templates {name}` tells what each is")
        made = msgspec.structs.replace(begun, items=[*begun.items, item])
        if path is None:
            return made, writing.text_of(made, self.known, [values]).encode()
        return made, writing.added(path, made, item, template, values)

    def _person(self, head: dict[str, str | None], person: str) -> dict[str, str]:
        """The head as it was said; who asks and for whom, as the ledger knows the person."""
        said = {key: value for key, value in head.items() if value}
        said.setdefault("applicant", person)
        known = self.ground.get("person", said["applicant"]) or {}
        said.setdefault("unit", str(known.get("unit", "")))
        return said


def _ask(question: Question, take: Callable[[str], Any]) -> Any:
    """Ask in the terminal until the answer is one that is taken."""
    from ..request.parameters import Wrong

    click.echo(f"\n{visible(question.about)}")
    if 0 < len(question.choices) <= MOST_CHOICES:
        click.echo(f"  one of: {', '.join(map(visible, question.choices))}")
    elif question.takes:
        click.echo(f"  {visible(question.takes)}")

    def taken(text: str) -> Any:
        if text == question.default:
            return None
        try:
            return take(text)
        except Wrong as wrong:
            hint = f" ({wrong.hint})" if wrong.hint else ""
            raise click.UsageError(visible(f"{wrong}{hint}")) from None

    default = question.default if question.default or not question.required else None
    return click.prompt(question.name, default=default, value_proc=taken, show_default=bool(default))
