"""The rules: what each reads, its verdict over the entries and the net, and why.

    from govcloud.policy import Case, judge
    findings = judge(Case(catalogue, as_of=date.today()))     # all rules that bind here
    findings = judge(case, only=["N-15"])
    decided()                                                  # the register: id -> Check

A rule is a pure function ``(Case) -> Iterator[Breach]`` under ``@rule(...)`` (``registry``), in a file of
its subject; ``judge`` adds what the rule's row in ``model.rules`` says (strength, source), and the waivers.
Numbers are data: ``targets.toml`` has what the documents say, an entry ``profile/NAME`` puts others in
their place. Nothing here reads a file of the workspace or the ledger.
"""

from .base import Breach, Case, Finding, Verdict
from .registry import Check, chosen, decided, judge

__all__ = ["Breach", "Case", "Check", "Finding", "Verdict", "chosen", "decided", "judge"]
