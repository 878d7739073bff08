"""Waivers themselves: what lets nothing pass although it says so, what has ended, what ends soon."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.base import fields
from ..model.catalogue import split_ref
from ..model.governance import Waiver
from ..model.policy import Rule
from .base import Breach, Case
from .registry import decided, rule

SUBJECTS = fields("waiver")["subjects"].ref
assert SUBJECTS is not None
SOURCE = "001:L242; 002:L17 (原则上): what is departed from is declared, with who allowed it and until when"


@rule(
    "waiver",
    "require",
    *("waiver.rule", "waiver.subjects", "waiver.reason", "waiver.granted_by", "waiver.starts_on"),
    *("waiver.ends_on", "rule.waivable"),
    # Whether it is there.
    *(f"{kind}.title" for kind in SUBJECTS.kinds),
    sentence="waiver: says no reason, nobody who granted it or no last day; of a rule that nobody may waive",
    source=SOURCE,
)
def waivers_count(case: Case) -> Iterator[Breach]:
    """A waiver that says all it must, of a rule that may be departed from; flagged when it ends, or soon."""
    # Over all at once: it names its rule by an id, and so nobody finds it by what it refers to.
    for name, waiver in case.catalogue.all(Waiver).items():
        yield from _counts(case, name, waiver)
        yield from _names(case, name, waiver)


def _names(case: Case, name: str, waiver: Waiver) -> Iterator[Breach]:
    """Flagged where it is for something that is not there: to come, gone, or written otherwise."""
    assert SUBJECTS is not None
    for one in waiver.subjects:
        if case.catalogue.find(*split_ref(SUBJECTS, one)) is None:
            message = f"is for {one}, which is not there"
            cure = f"declare {one}, or name what it is for"
            yield Breach(f"waiver/{name}", message, "subjects", cure=cure, verdict="flag")


def _counts(case: Case, name: str, waiver: Waiver) -> Iterator[Breach]:
    subject = f"waiver/{name}"
    known = decided().get(waiver.rule)
    own = case.catalogue.all(Rule).get(waiver.rule)
    if known is None and own is None:
        cure = "name a rule that is decided: `govcloud check --coverage` lists them"
        yield Breach(
            subject, f"{waiver.rule} is no rule that is decided: there is nothing to waive", "rule", cure=cure
        )
    elif not (known.waivable if known else own is not None and own.waivable):
        cure = "take it away, and put right what it is for; what is said in principle (原则上) may be waived"
        yield Breach(
            subject, f"{waiver.rule} may not be departed from: it lets nothing pass", "rule", cure=cure
        )
    for field, said, what in (
        ("reason", waiver.reason, "why"),
        ("granted_by", waiver.granted_by, "who granted it"),
        ("ends_on", waiver.ends_on, "until when"),
    ):
        if not said:
            message = f"does not say {what}: it lets nothing pass"
            yield Breach(subject, message, field, cure=f"say `{field}`, or take it away")
    since = case.days_since(waiver.ends_on) if waiver.ends_on else None
    if since is None:
        return
    soon = int(case.values("waivers")["soon_days"])
    if since > 0:
        message = f"ended on {waiver.ends_on}, {_days(since)} ago: it lets nothing pass any more"
        cure = "take it away, or have it granted anew with a later `ends_on`"
        yield Breach(subject, message, "ends_on", cure=cure, verdict="flag")
    elif since >= -soon:
        when = "today" if since == 0 else f"in {_days(-since)}"
        message = (
            f"ends {when}, on {waiver.ends_on}; {waiver.rule} counts again for {', '.join(waiver.subjects)}"
        )
        cure = "put right what it is for, or have it granted anew"
        yield Breach(subject, message, "ends_on", cure=cure, verdict="flag")


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"
