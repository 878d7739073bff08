"""Where each rule of the documents stands: decided, by what, or what is lacking."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from ..model.rules import rules as rows
from .base import BINDS, Verdict
from .registry import WAIVABLE, Check, decided, documents_in

# By the first two digits of GB/T 2260.
PROVINCES: Mapping[str, str] = {"21": "Liaoning", "42": "Hubei", "46": "Hainan"}


class Standing(msgspec.Struct, frozen=True):
    """A rule of the documents. ``verdict``, ``each`` and ``reads`` are empty where nothing judges it.

    ``lacks``: what is lacking, in a sentence; empty where it is decided. What is judged may lack something
    too: its findings are told, and it does not count. ``provinces``: where it binds, by their names; empty:
    everywhere. ``each``: the kind whose entries it judges one by one.
    """

    id: str
    decided: bool
    lacks: str
    strength: str
    verdict: Verdict | str
    each: str
    sentence: str
    source: str
    reads: tuple[str, ...]
    provinces: tuple[str, ...]
    waivable: bool

    @property
    def group(self) -> str:
        """The letter of its group."""
        return self.id.partition("-")[0]


@cache
def lacking() -> Mapping[str, str]:
    """What is lacking for the rules that do not count as decided, judged or not (``lacking.toml``)."""
    text = files(__package__).joinpath("lacking.toml").read_text(encoding="utf-8")
    return {id: str(sentence) for id, sentence in tomllib.loads(text).items()}


@cache
def standings() -> tuple[Standing, ...]:
    """Every rule of the documents, in their order.

    What is lacking counts: a rule that something judges and that lacks something is not decided.
    """
    checks, lacks = decided(), lacking()
    return tuple(_standing(id, checks.get(id), lacks.get(id, "")) for id in rows())


def own() -> list[Check]:
    """The rules that are decided and stand in no document: the ledger's own, and those of standards."""
    return [check for id, check in decided().items() if id not in rows()]


def _standing(id: str, check: Check | None, lacks: str) -> Standing:
    row = rows()[id]
    if check is None:
        lacks = lacks or "nothing decides it"
    return Standing(
        id=id,
        decided=not lacks,
        lacks=lacks,
        strength=row.strength,
        verdict=check.verdict if check else "",
        each=check.each.KIND if check and check.each else "",
        sentence=row.sentence,
        source=row.source,
        reads=check.reads if check else (),
        provinces=provinces_of(documents_in(row.source)),
        waivable=check.waivable if check else row.strength in WAIVABLE,
    )


def provinces_of(documents: frozenset[str]) -> tuple[str, ...]:
    """The provinces that these documents bind, by name."""
    return tuple(sorted({PROVINCES[BINDS[d]] for d in documents if d in BINDS}))
