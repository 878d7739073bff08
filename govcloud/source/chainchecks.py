"""What stages and chains of approval must be: a stage says whose, a chain is about kinds that there are."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import KINDS
from ..model.catalogue import Catalogue
from ..model.policy import ApprovalChain, ApprovalStage
from .claims import Finding
from .words import Hints, shown

READ = frozenset({"approval_stage", "approval_chain"})


def stages_say_whose_they_are(catalogue: Catalogue) -> Iterator[Finding]:
    """``unit`` goes with ``of: named``, and ``of: named`` with ``unit``."""
    for name, stage in sorted(catalogue.all(ApprovalStage).items()):
        named = stage.of == "named"
        if named != bool(stage.unit):
            words = "`of: named` needs it" if named else f"`of` is {stage.of}, not named"
            hint = "write both, or neither"
            yield Finding("approval_stage", name, "unit", f"`unit`: {words}", hint)


def chains_decide(catalogue: Catalogue) -> Iterator[Finding]:
    """A chain has stages, each once, and is about kinds that there are."""
    hints = Hints()
    for name, chain in sorted(catalogue.all(ApprovalChain).items()):
        if not chain.stages:
            yield Finding("approval_chain", name, "stages", "`stages`: it names none, and decides nothing")
        for one in sorted({s for s in chain.stages if chain.stages.count(s) > 1}):
            yield Finding("approval_chain", name, "stages", f"`stages` names {shown(one)} twice")
        for kind in chain.kinds:
            if kind not in KINDS:
                words = f"`kinds`: no kind is called {shown(kind)}"
                hint = hints.did_you_mean(kind, KINDS.keys())
                yield Finding("approval_chain", name, "kinds", words, hint)


CHECKS = [stages_say_whose_they_are, chains_decide]
