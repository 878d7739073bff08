"""What is offered to all is used, not built anew (业务中台, 智能组件共建共享)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..model.application import Application, Component
from .base import Breach, Case, Verdict
from .housing import NEW, OURS_READS, STANDING, is_ours, named_by_a_document
from .registry import rule

BUILT_ON = "use that one; where this one is built on it, `needs` says so"
SHOWN = 3
CURE = "name it in `components`: `govcloud component reuse` writes that"


@dataclass(frozen=True)
class Offered:
    """Components that anybody may use now. ``same``: types of them that do what a type of system does."""

    components: Mapping[str, Component]
    by_type: Mapping[str, list[str]]
    same: Mapping[str, frozenset[str]]
    # What a title must hold to say that it is this component: its title and other names, long enough.
    words: Mapping[str, tuple[str, ...]]


def offered(case: Case) -> Offered:
    """The components that are offered and there, or nearly (001:L242: 已建, 在建, 改建)."""
    policy = case.values("reuse")
    pairs = [pair.partition("=") for pair in policy["same"]]
    same = {of: frozenset(c for a, _, c in pairs if a == of) for of, _, _ in pairs}
    found = {
        name: component
        for name, component in case.catalogue.all(Component).items()
        if component.offered and component.status in STANDING
    }
    by_type: dict[str, list[str]] = {}
    for name, component in found.items():
        by_type.setdefault(component.type, []).append(name)
    words = {
        name: tuple(w for w in (component.title, *component.aliases) if len(w) >= policy["title_length"])
        for name, component in found.items()
    }
    return Offered(found, by_type, same, words)


def uses(application: Application) -> set[str]:
    """The components that an application says it uses or needs."""
    return {*application.components, *_names(application.needs)}


def _names(needs: Iterable[str]) -> set[str]:
    return {one.partition("/")[2] for one in needs if one.startswith("component/")}


@rule(
    "E-06",
    "deny",
    *("application.status", "application.type", "application.title", "application.source", *OURS_READS),
    *("application.components", "application.needs", "application.rebuilds"),
    *("component.type", "component.title", "component.aliases", "component.offered", "component.status"),
    *("component.application", "component.needs", "component.source"),
)
def what_is_offered_is_not_built_anew(case: Case) -> Iterator[Breach]:
    """No system and no component does again what a shared component offers.

    What a document plans itself is decided; that it should use what is offered is worth a look.
    """
    there = offered(case)
    if not there.components:
        return
    # What became a component, or is about to, is where that comes from.
    components = case.catalogue.all(Component)
    sources = {component.application for component in components.values()}
    for name, application in case.catalogue.all(Application).items():
        if application.status != "retired" and is_ours(case, application):
            yield from _by_application(case, name, application, there, name in sources)
    single = case.values("duplication")["component_types"]
    for name, component in components.items():
        # Parts of one system are no rivals.
        own = {
            n for n, c in there.components.items() if c.application and c.application == component.application
        }
        used = _names(component.needs) | own | {name}
        alike = [n for n in there.by_type.get(component.type, ()) if n != name and component.type in single]
        if component.status != "retired":
            planned = named_by_a_document(case, component.source)
            yield from _again(f"component/{name}", component, used, alike, there, planned)


def _by_application(
    case: Case, name: str, application: Application, there: Offered, source: bool
) -> Iterator[Breach]:
    key, used = f"application/{name}", uses(application)
    own = [c for c in application.rebuilds if c in there.components and c not in used]
    for one in own:
        message = f"has of its own what component/{one} offers"
        verdict: Verdict = "deny" if application.status in NEW else "require"
        yield Breach(key, message, "rebuilds", (f"component/{one}",), CURE, verdict)
    if not own and not source and application.status == "planned":
        types = there.same.get(application.type, frozenset())
        alike = [one for type_ in sorted(types) for one in there.by_type.get(type_, ())]
        planned = named_by_a_document(case, application.source)
        yield from _again(key, application, used, alike, there, planned)


def _again(
    key: str,
    entry: Application | Component,
    used: set[str],
    alike: list[str],
    there: Offered,
    planned: bool,
) -> Iterator[Breach]:
    """A breach where something does, by its title or its type, what a component offers that it does not use.

    ``planned``: by a document that binds.
    """
    verdict: Verdict = "flag" if planned else "require" if entry.status == "running" else "deny"
    cure = CURE if isinstance(entry, Application) else BUILT_ON
    named = [
        name
        for name, words in there.words.items()
        if f"component/{name}" != key and any(word in entry.title for word in words)
    ]
    if named and not used.intersection(named):
        message = f"does again what component/{named[0]} offers ({there.components[named[0]].title})"
        yield Breach(key, message, "title", (f"component/{named[0]}",), cure, verdict)
    elif alike and not planned and not used.intersection(alike):
        others = f" and {len(alike) - 1} more" if len(alike) > 1 else ""
        message = f"does again what component/{alike[0]}{others} offers"
        witness = tuple(f"component/{name}" for name in alike[:SHOWN])
        yield Breach(key, message, "type", witness, cure, verdict)
