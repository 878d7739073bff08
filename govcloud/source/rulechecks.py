"""What is said of a site's own rules: of a kind that there is, in expressions that can be meant."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import KINDS, fields
from ..model.catalogue import Catalogue
from ..model.policy import Rule
from .claims import Finding
from .words import Hints, one_of, shown

READ = frozenset({"rule"})
# No rule of a document, nor one that a later release brings, is called so.
PREFIX = "local-"


def rules_can_be_judged(catalogue: Catalogue) -> Iterator[Finding]:
    """``each`` is a kind; ``when``, ``holds``, ``message`` and ``cure`` name what it has."""
    for name, rule in sorted(catalogue.all(Rule).items()):
        if not name.startswith(PREFIX):
            words = f"a site's own rule is called {PREFIX}…, so that it is taken for no other"
            yield Finding("rule", name, "", words, f"call it {PREFIX}{name}")
        if rule.each not in KINDS:
            hint = Hints().did_you_mean(rule.each, KINDS.keys(), otherwise=f"kinds: {one_of(sorted(KINDS))}")
            yield Finding("rule", name, "each", f"`each`: no kind is called {shown(rule.each)}", hint)
            continue
        yield from _texts(name, rule)


def _texts(name: str, rule: Rule) -> Iterator[Finding]:
    # Late: few have rules of their own, and nobody else pays for the engine.
    from . import expressions

    if rule.field and rule.field not in fields(rule.each):
        hint = Hints().did_you_mean(rule.field, fields(rule.each).keys())
        yield Finding("rule", name, "field", f"`field`: {rule.each} has no field {shown(rule.field)}", hint)
    for field, text in (("when", rule.when), ("holds", rule.holds)):
        if text or field == "holds":
            try:
                expressions.read(text, rule.each)
            except expressions.BadExpression as error:
                yield Finding("rule", name, field, f"`{field}`: {error}", error.hint)
    for field, text in (("message", rule.message), ("cure", rule.cure)):
        try:
            expressions.sentence(text, rule.each)
        except expressions.BadExpression as error:
            yield Finding("rule", name, field, f"`{field}`: {error}", error.hint)


CHECKS = [rules_can_be_judged]
