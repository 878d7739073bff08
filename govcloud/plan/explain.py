"""A plan as people read it: like a diff on a terminal, as Markdown for a merge request, as JSON."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ..addressing.wishes import ALLOCATOR
from ..printable import fence, visible
from . import ruled
from .stages import (
    EntryChange,
    FieldChange,
    Move,
    Plan,
    Play,
    Probe,
    Record,
    ResourceChange,
    SiteStack,
    Stack,
    Stage,
)

SIGNS = {"create": "+", "update": "~", "replace": "±", "heal": "!", "retire": "∓", "delete": "-"}
SIGNS |= {"adopt": "⇐", "release": "⇒", "take": "="}
STYLES = {"+": "green", "~": "yellow", "±": "magenta", "∓": "magenta", "!": "cyan", "-": "red", "→": "blue"}
STYLES |= {"⇐": "green", "⇒": "yellow", "=": "dim"}
# A list longer than this is told by its counts, unless everything is asked for.
LONG = 24
# Pinned entries that are named in a sentence; hosts that a secret goes to.
PINS_SHOWN = 5
SECRET_HOSTS = 6

# What a summary counts: one, several, and what happens to it.
WORDS = (
    ("entries", "entry", "entries", "record"),
    ("move", "object", "objects", "hand over"),
    *((verb, "object", "objects", verb) for verb in SIGNS),
    ("hosts", "host", "hosts", "configure"),
    ("probes", "probe", "probes", "measure"),
)

Line = tuple[str, str]  # (style, text)


def summary(plan: Plan) -> dict[str, int]:
    """How much of what: entries, objects by verb, hosts and probes."""
    counts: Counter[str] = Counter()
    for stage in plan.stages:
        match stage:
            case Record():
                counts["entries"] += len(stage.changes)
            case Stack() | SiteStack():
                for change in stage.changes:
                    counts[change.verb] += 1
            case Move():
                counts["move"] += len(stage.changes)
            case Play():
                counts["hosts"] += len(stage.inputs)
            case Probe():
                counts["probes"] += len(stage.probes)
    return dict(counts)


def sentence(plan: Plan) -> str:
    """The plan in one sentence."""
    if plan.empty:
        what = "the files and the pins say" if plan.pinned else "the files say"
        return f"Nothing to do: what is accepted, built and seen is what {what}."
    counts = summary(plan)
    parts = [
        f"{counts[key]} {one if counts[key] == 1 else many} to {verb}"
        for key, one, many, verb in WORDS
        if counts.get(key)
    ]
    return ", ".join(parts) + "."


def pinned(plan: Plan) -> str:
    """What is held against the files, in a sentence; empty where nothing is."""
    if not plan.pinned:
        return ""
    names = [f"{subject} ({claimant})" for subject, claimant in plan.pinned.items()]
    more = f" and {len(names) - PINS_SHOWN} more" if len(names) > PINS_SHOWN else ""
    one = len(names) == 1
    return (
        f"{len(names)} entr{'y is' if one else 'ies are'} pinned and {'says' if one else 'say'} otherwise "
        f"than the files: {', '.join(names[:PINS_SHOWN])}{more}; "
        "`govcloud revert --release` lets the files speak"
    )


def secrets(plan: Plan) -> Iterator[Line]:
    """What is new about secrets, a line each: who gets which, and what could not be fetched."""
    for name, use in plan.secrets.items():
        hosts = ", ".join(use.hosts[:SECRET_HOSTS]) + (", …" if len(use.hosts) > SECRET_HOSTS else "")
        to = f"{len(use.hosts)} host{'s' if len(use.hosts) != 1 else ''}: {hosts}"
        if use.trouble:
            after = "apply needs it and will not begin" if use.needed else "nothing needs it now"
            yield "yellow", f"! secret/{name} cannot be fetched: {use.trouble}; {after}"
        elif use.first:
            yield "green", f"+ secret/{name}: for {to}"
        elif use.rekeyed:
            yield "yellow", f"~ secret/{name}: its version was made with another key, once more for {to}"
        else:
            yield "yellow", f"~ secret/{name}: new version, for {to}"


def lines(plan: Plan, *, full: bool = False, above: Iterable[Line] = ()) -> Iterator[Line]:
    """The plan as styled lines, in the order in which it will run; ``above``: what is told before it.

    Nothing that a file says can begin a line or steer a terminal: who approves reads what is there.
    """
    for style, text in _lines(plan, full, above):
        yield style, visible(text)


def _lines(plan: Plan, full: bool, above: Iterable[Line]) -> Iterator[Line]:
    yield "bold", f"Plan for {plan.environment}"
    yield from above
    if plan.pinned:
        yield "yellow", pinned(plan)
    yield from secrets(plan)
    yield from ruled.lines(plan.ruling, full=full)
    if plan.empty:
        yield "", sentence(plan)
        return
    for number, stage in enumerate(plan.stages, 1):
        after = f"  after {', '.join(stage.needs)}" if stage.needs else ""
        yield "", ""
        yield "bold", f"{number}. {stage.id}: {stage.title}"
        yield "dim", f"   {stage.phase}{after}"
        yield from _body(stage, full)
    yield "", ""
    yield "bold", sentence(plan)
    yield "dim", f"effect {plan.effect}"


def _body(stage: Stage, full: bool) -> Iterator[Line]:
    match stage:
        case Record() | Stack() | SiteStack():
            yield from _changes(stage.changes, full, _chosen(stage) if isinstance(stage, Record) else {})
            if isinstance(stage, Stack | SiteStack) and stage.refresh:
                yield "dim", "   reads what is really there first"
        case Move():
            for move in stage.changes:
                yield STYLES["→"], f"   → {move.subject}: {move.source} → {move.stack}"
        case Play():
            hosts = list(stage.inputs)
            shown = hosts if full or len(hosts) <= LONG else hosts[:8]
            more = f" and {len(hosts) - len(shown)} more" if len(shown) < len(hosts) else ""
            yield "", f"   {', '.join(shown)}{more}"
            yield from _batches(stage)
            for host, files in stage.restore.items():
                for file in files:
                    yield "yellow", f"   {host}: {file.path} {'as it was' if file.there else 'taken away'}"
        case Probe():
            yield from _probes(stage, full)


def _batches(stage: Play) -> Iterator[Line]:
    """In which order, and when it stops; nothing where all hosts are configured in one go."""
    rest = [str(len(batch)) for batch in stage.batches[1 if stage.canaries else 0 :]]
    if stage.canaries:
        yield "", f"   canaries first: {', '.join(stage.batches[0])}; one that fails stops the play"
    if rest:
        then = "then " if stage.canaries else ""
        many = f"{len(rest)} batch{'es' if len(rest) > 1 else ''} of {', '.join(rest)} hosts"
        limit = f"stops after one of which more than {stage.stop_percent:g} % failed"
        yield "", f"   {then}{many}; {limit}"


def _chosen(stage: Record) -> dict[str, str]:
    """What the allocator gives new entries that say `auto`, by ``kind/name``."""
    return {
        "/".join(row.key): ", ".join(f"{of}: {value_text(value)}" for of, value in (row.fields or {}).items())
        for row in stage.claims.said
        if row.claimant == ALLOCATOR
    }


def _changes(
    changes: Sequence[EntryChange | ResourceChange], full: bool, chosen: Mapping[str, str]
) -> Iterator[Line]:
    plain = [c for c in changes if not c.changes]
    if not full and len(plain) > LONG:
        groups: dict[tuple[str, str], list[str]] = {}
        for change in plain:
            kind, _, name = change.subject.partition("/")
            groups.setdefault((SIGNS[change.verb], kind), []).append(name)
        for (sign, kind), names in sorted(groups.items()):
            few = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
            yield STYLES[sign], f"   {sign} {len(names)} {kind}: {few}"
        changes = [c for c in changes if c.changes]
    for change in changes:
        sign = SIGNS[change.verb]
        former = change.was if isinstance(change, EntryChange) else ""
        was = f" (was {former})" if former else ""
        given = f"  {chosen[change.subject]}" if change.verb == "create" and change.subject in chosen else ""
        yield STYLES[sign], f"   {sign} {change.subject}{was}{_stray(change)}{given}"
        for field in change.changes:
            yield STYLES[sign], f"       {_field(field)}"


def _stray(change: EntryChange | ResourceChange) -> str:
    if isinstance(change, ResourceChange) and change.verb in ("replace", "retire") and change.incarnation:
        return f" (incarnation {change.incarnation})"
    if isinstance(change, ResourceChange) and change.object:
        return f" (object {change.object}: ours, and part of nothing any more)"
    return ""


def _field(change: FieldChange) -> str:
    return f"{change.field}: {value_text(change.before)} → {value_text(change.after)}"


def value_text(value: Any) -> str:
    """A field's value in one line: texts as they are where they show as they are, the rest as JSON."""
    if value is None:
        return "(not said)"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return visible(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _probes(stage: Probe, full: bool) -> Iterator[Line]:
    groups = Counter((p["source"], p["target"]) for p in stage.probes)
    shown = list(groups.items()) if full else list(groups.items())[:LONG]
    for (source, target), count in shown:
        yield "", f"   {source} → {target}: {count} probe{'s' if count > 1 else ''}"


def markdown(plan: Plan, *, above: Iterable[Line] = ()) -> str:
    """The plan as Markdown, for a comment on a merge request; ``above``: what is told before it."""
    out = [f"### Plan for `{plan.environment}`", ""]
    for _, text in above:
        out += [f"> **{_inline(text)}**", ""]
    out += [f"**{sentence(plan)}**", ""]
    out += [f"> {_inline(pinned(plan))}", ""] if plan.pinned else []
    for _, text in secrets(plan):
        out += [f"> {_inline(text)}", ""]
    for _, text in ruled.lines(plan.ruling, full=True):
        out += [f"> {_inline(text.strip())}", ""]
    if plan.empty:
        return "\n".join(out)
    out += ["| stage | does | phase | leaves | undone by |", "|---|---|---|---|---|"]
    for stage in plan.stages:
        cells = (stage.title, stage.phase, stage.evidence, stage.undo)
        out.append(f"| `{stage.id}` | {' | '.join(map(_inline, cells))} |")
    for stage in plan.stages:
        body = [visible(text[3:]) for _, text in _body(stage, True) if text.strip()]
        if body:
            ends = fence("\n".join(body))
            out += ["", f"<details><summary>{_inline(stage.id)}</summary>", ""]
            out += [f"{ends}diff", *body, ends, "</details>"]
    out += ["", f"Effect `{plan.effect}`", ""]
    return "\n".join(out)


def _inline(text: str) -> str:
    """A text within a line of Markdown: it opens no tag and ends no cell of a table."""
    return html.escape(visible(text), quote=False).replace("|", "\\|")


def document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON with documented keys: sentence, summary, effect, ruling, base, stages."""
    stages = []
    for stage in plan.stages:
        one: dict[str, Any] = {
            "id": stage.id,
            "kind": stage.kind,
            "title": stage.title,
            "phase": stage.phase,
            "needs": list(stage.needs),
            "evidence": stage.evidence,
            "undo": stage.undo,
        }
        match stage:
            case Record() | Stack() | Move() | SiteStack():
                one["changes"] = msgspec.to_builtins(stage.changes)
            case Play():
                one["hosts"] = list(stage.inputs)
                one["batches"] = [list(batch) for batch in stage.batches]
                one["canaries"] = stage.canaries
                one["stop_percent"] = stage.stop_percent
                one["routing"] = stage.routing
            case Probe():
                one["probes"] = list(stage.probes)
        stages.append(one)
    return {
        "environment": plan.environment,
        "changes": 0 if plan.empty else sum(summary(plan).values()),
        "sentence": sentence(plan),
        "summary": summary(plan),
        "effect": plan.effect,
        "pinned": plan.pinned,
        "secrets": {name: msgspec.structs.asdict(use) for name, use in plan.secrets.items()},
        "ruling": ruled.document(plan.ruling),
        "base": msgspec.to_builtins(plan.base),
        "stages": stages,
    }
