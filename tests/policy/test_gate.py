"""The gate: a plan that newly brings about what the rules deny is refused at every door; others go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from govcloud.access import Identity
from govcloud.errors import DeniedError
from govcloud.ledger import open_ledger
from govcloud.ledger.claims import ClaimRow
from govcloud.model.catalogue import Catalogue
from govcloud.plan import ruling, stages
from govcloud.plan.gather import propose
from govcloud.plan.guards.judging import NO_LEAVE
from govcloud.policy import Case, Finding
from govcloud.policy.comparing import difference
from govcloud.run import guarding, runner
from govcloud.workspace import open_workspace
from tests.store_province import Province, records

Cli = Callable[..., Any]


@pytest.fixture
def here(tmp_path: Path) -> Province:
    """Hainan, with an application that handles classified data on the intranet."""
    made = records(tmp_path)
    made.tables["regions"] = {"hainan": {"level": "province", "code": "460000"}}
    made.tables["zones"] = {"extranet": {"role": "extranet"}, "intranet": {"role": "intranet"}}
    made.tables["applications"] = {"archive": {"classified": True, "zones": ["intranet"]}}
    made.tables["profiles"] = {}
    return made.write()


def wrong(made: Province, name: str = "archive") -> None:
    """Put an application with classified data onto the extranet."""
    made.tables["applications"][name] = {"classified": True, "zones": ["extranet"]}
    made.write()


def gate(made: Province, **values: Any) -> None:
    made.tables["profiles"]["rules"] = {"values": values, "invented": True}
    made.write()


def denied(cli: Cli, *words: str) -> str:
    done = cli(*words)
    assert done.code == 4, done
    return str(done.err)


def test_a_new_breach_is_shown_by_plan_and_refused_by_apply(cli: Cli, here: Province) -> None:
    assert cli("apply", "--yes").code == 0
    wrong(here)
    shown = cli("plan")
    assert shown.code == 0
    assert "denied by N-01: application/archive: handles classified data on zone/extranet" in shown.out
    assert shown.out.index("denied by N-01") < shown.out.index("1. record")
    assert "The rules refuse this plan." in shown.out
    assert cli("plan", "--detailed-exitcode").code == 4
    (new,) = [one for one in cli("plan", "--json").json["ruling"]["new"] if one["verdict"] == "deny"]
    assert (new["rule"], new["entry"], new["field"]) == ("N-01", "application/archive", "zones")
    assert "> denied by N-01" in cli("plan", "--markdown").out
    told = denied(cli, "apply", "--yes")
    assert "N-01 denies application/archive" in told and "`govcloud check --rule N-01`" in told
    assert "place it on a zone of role intranet" in told
    # Emergencies pass limits and freezes, and not this.
    denied(cli, "apply", "--yes", "--emergency", "--reason", "the archive burns")
    assert here.ledger("select count(*) from accepted where kind = 'application' and since > 1") == [(0,)]
    actions = [action for (action,) in here.ledger("select action from audit order by seq")]
    assert actions.count("denied") == 2
    assert cli("audit", "verify").code == 0


def test_a_plan_file_that_was_judged_otherwise_is_refused(cli: Cli, here: Province) -> None:
    assert cli("apply", "--yes").code == 0
    wrong(here)
    assert cli("plan", "--out", "p.json").code == 0
    denied(cli, "apply", "p.json", "--yes")
    plan = stages.decode((here.root / "p.json").read_bytes())
    (here.root / "p.json").write_bytes(stages.encode(_without_ruling(plan)))
    denied(cli, "apply", "p.json", "--yes")


def _without_ruling(plan: stages.Plan) -> stages.Plan:
    return msgspec.structs.replace(plan, ruling=None)


def test_the_gate_is_asked_where_a_run_begins(cli: Cli, here: Province) -> None:
    """Whoever starts a run comes past it, with a plan that nobody judged too."""
    assert cli("apply", "--yes").code == 0
    wrong(here)
    workspace = open_workspace(str(here.root))
    ledger = open_ledger(workspace)
    proposal = propose(workspace, ledger)
    for plan in (proposal.plan, _without_ruling(proposal.plan)):
        with pytest.raises(DeniedError, match="N-01 denies application/archive"):
            runner.start(workspace, ledger, plan, proposal.blobs, [])
    assert here.ledger("select count(*) from run") == [(1,)]


def test_a_run_that_is_resumed_is_asked_of_what_is_left_of_it(cli: Cli, here: Province) -> None:
    assert cli("apply", "--yes").code == 0
    wrong(here)
    workspace = open_workspace(str(here.root))
    ledger = open_ledger(workspace)
    # Nothing stood against it when it began.
    plan = msgspec.structs.replace(propose(workspace, ledger).plan, ruling=stages.Ruling())
    me = Identity("li", "li@ops", "os")
    with pytest.raises(DeniedError, match="N-01 denies application/archive"), ledger.write() as connection:
        guarding.let_in(connection, plan, me, NO_LEAVE, "run-1", resumed=True)
    with ledger.write() as connection:
        guarding.let_in(connection, plan, me, NO_LEAVE, "run-1", done={"record"}, resumed=True)


@pytest.mark.parametrize("gate_of, lets", [("all", False), ("requests", True)])
def test_an_order_comes_past_the_gate_as_a_plan_does(
    cli: Cli, here: Province, gate_of: str, lets: bool
) -> None:
    """What a rollout or a merge says beside the files is judged with them, and is no request."""
    gate(here, gate=gate_of)
    assert cli("apply", "--yes").code == 0
    workspace = open_workspace(str(here.root))
    ledger = open_ledger(workspace)
    said = {"classified": True, "zones": ["extranet"]}
    for order in ("rollout:city-ipv6", "merge:town", "request:register"):
        asked = stages.Asked((ClaimRow("application", "register", order, 1, said),))
        plan = propose(workspace, ledger, asked=asked).plan
        assert plan.ruling is not None
        assert [(one.rule, one.subject) for one in plan.ruling.denied] == [("N-01", "application/register")]
        assert ruling.refused(plan) is (not lets or order.startswith("request:"))
        if ruling.refused(plan):
            with pytest.raises(DeniedError, match="N-01 denies application/register"):
                runner.start(workspace, ledger, plan, {}, [])
    assert here.ledger("select count(*) from run") == [(1,)]


def test_what_was_there_before_refuses_nobody_and_its_cure_is_told(cli: Cli, here: Province) -> None:
    gate(here, gate="none")
    wrong(here)
    assert cli("apply", "--yes").code == 0
    # The policy of the accepted revision counts, so this plan, which takes it back, is still let through.
    del here.tables["profiles"]["rules"]
    here.tables["regions"]["sanya"] = {"level": "city", "parent": "hainan"}
    here.write()
    assert cli("apply", "--yes").code == 0
    assert cli("plan", "--json").json["ruling"] == {"gate": "all", "new": [], "more": {}, "cured": {}}
    here.tables["applications"]["archive"]["title"] = "档案系统"
    here.write()
    assert cli("apply", "--yes").code == 0
    wrong(here, "register")
    assert "application/register" in denied(cli, "apply", "--yes")
    del here.tables["applications"]["register"]
    here.tables["applications"]["archive"]["zones"] = ["intranet"]
    here.write()
    shown = cli("plan")
    assert "cures what the rules found: N-01" in shown.out
    assert cli("apply", "--yes").code == 0
    # Going back to where it was wrong brings it about again.
    assert "application/archive" in denied(cli, "revert", "HEAD~1", "--yes")
    assert cli("destroy", "--yes").code == 0


def test_whom_the_gate_refuses_is_policy(cli: Cli, here: Province) -> None:
    gate(here, gate="requests")
    wrong(here)
    # An empty ledger has no policy yet: the one that comes with it counts.
    shown = cli("plan", "--detailed-exitcode")
    assert shown.code == 3 and "`gate: requests` in profile/rules" in shown.out
    workspace = open_workspace(str(here.root))
    ledger = open_ledger(workspace)
    with ledger.read() as connection, pytest.raises(DeniedError, match="this request would bring about"):
        ruling.gate_request(connection, propose(workspace, ledger).plan)
    assert cli("apply", "--yes").code == 0
    gate(here, gate="sometimes")
    done = cli("plan")
    assert done.code == 2 and "`gate` should be all, requests or none, not 'sometimes'" in done.err
    gate(here, gate="all", emergency_passes=True)
    assert cli("apply", "--yes").code == 0
    wrong(here, "register")
    denied(cli, "apply", "--yes")
    assert cli("apply", "--yes", "--emergency", "--reason", "the archive burns").code == 0


def test_a_waiver_that_was_accepted_lets_pass_what_may_be_departed_from(cli: Cli, here: Province) -> None:
    # The rule is of a document of Hubei's.
    here.tables["regions"]["hainan"]["code"] = "420000"
    here.tables["units"] = {"bureau": {"region": "hainan"}}
    here.write()
    assert cli("apply", "--yes").code == 0
    portal = {"portal": {"builds": ["system"], "status": "building"}}
    here.tables["programmes"] = portal
    here.tables["persons"] = {"li": {"unit": "bureau", "duty": "principal"}}
    here.tables["waivers"] = {
        "portal": {
            "rule": "N-06",
            "subjects": ["programme/portal"],
            "reason": "the network is not there yet",
            "granted_by": "li",
            "starts_on": "2020-01-01",
            "ends_on": "2099-12-31",
        }
    }
    here.write()
    # Nobody brings along the leave to do what he does: `check` shows it as waived, the gate does not.
    assert cli("check", "--rule", "N-06", "--json").json["findings"][0]["waiver"] == "waiver/portal"
    told = denied(cli, "apply", "--yes")
    assert "N-06 denies programme/portal" in told
    assert "waiver/portal counts once it is accepted: apply it first" in told
    before = cli("plan", "--json").json["effect"]
    # It is accepted before what it is for is there, and says so.
    del here.tables["programmes"]
    here.write()
    flagged = cli("check", "--rule", "waiver", "--json").json["findings"]
    assert [(one["verdict"], one["field"]) for one in flagged] == [("flag", "subjects")]
    assert cli("apply", "--yes").code == 0
    here.tables["programmes"] = portal
    here.write()
    shown = cli("plan")
    assert "waived by waiver/portal: N-06: programme/portal" in shown.out
    assert cli("plan", "--json").json["effect"] != before
    assert cli("apply", "--yes").code == 0
    # To take the waiver back while the breach is there brings it about.
    del here.tables["waivers"]["portal"]
    here.write()
    assert "N-06 denies programme/portal" in denied(cli, "apply", "--yes")


Said = dict[str, dict[str, Any] | None]


def denies(made: Province, said: Said, was: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """(rule, entry) that a change of what is accepted would be refused for. ``was``: former names."""
    changes = []
    for subject, fields in said.items():
        kind, _, name = subject.partition("/")
        verb = "delete" if fields is None else "update"
        changes.append(
            stages.EntryChange(verb, "", kind, name, fields=fields or {}, was=(was or {}).get(subject, ""))
        )
    with open_ledger(open_workspace(str(made.root))).read() as connection:
        return [(one.rule, one.subject) for one in ruling.ruling(connection, changes).denied]


def test_a_plan_is_judged_by_the_policy_that_is_accepted(cli: Cli, here: Province) -> None:
    here.tables["regions"]["hainan"]["code"] = "420000"
    here.tables["programmes"] = {"old": {"builds": ["system"], "status": "building"}}
    gate(here, gate="all", documents=["001"])
    here.write()
    assert cli("apply", "--yes").code == 0
    coded = {"level": "province", "code": "420000"}
    new: Said = {"programme/portal": {"builds": ["system"], "status": "building"}}
    rules: Said = {"profile/rules": {"values": {"gate": "all"}, "invented": True}}
    # What a policy reveals was there before, and what comes with it goes by the one before it.
    assert denies(here, rules) == [] and denies(here, {**rules, **new}) == []
    gate(here, gate="all")
    assert cli("apply", "--yes").code == 0
    assert denies(here, new) == [("N-06", "programme/portal")]
    for policy in (
        {"profile/rules": {"values": {"gate": "all", "documents": ["001"]}, "invented": True}},
        {"profile/rules": {"values": {"gate": "none"}, "invented": True}},
        {"region/hainan": {"level": "province"}},
        {"region/hainan": coded | {"code": "460000"}},
        {"region/hainan": coded | {"level": "city"}},
    ):
        assert denies(here, policy) == []
        assert denies(here, {**policy, **new}) == [("N-06", "programme/portal")]


def test_what_is_relabelled_is_judged_by_both_labels(cli: Cli, here: Province) -> None:
    assert cli("apply", "--yes").code == 0
    outside: Said = {"application/archive": {"classified": True, "zones": ["extranet"]}}
    assert denies(here, outside) == [("N-01", "application/archive")]
    assert denies(here, {"zone/extranet": {"role": "intranet"}}) == []
    assert denies(here, {"zone/extranet": {"role": "intranet"}, **outside}) == [
        ("N-01", "application/archive")
    ]
    assert denies(here, {"zone/intranet": {"role": "extranet"}}) == [("N-01", "application/archive")]
    # Under another name it is the same zone.
    renamed: Said = {"zone/inner": {"role": "intranet", "was": "extranet"}}
    moved: Said = {"application/archive": {"classified": True, "zones": ["inner"]}}
    assert denies(here, {**renamed, **moved}, {"zone/inner": "extranet"}) == [("N-01", "application/archive")]


def test_what_is_not_accepted_is_new_whatever_it_says() -> None:
    accepted = Catalogue.of({("unit", "centre"): {"region": "hainan"}})
    after = Case(accepted, accepted=accepted, renamed={"unit/main": "unit/centre"})
    assert not after.is_new("unit/centre") and not after.is_new("unit/main") and after.is_new("unit/other")
    # Nothing is known to be accepted: whoever checks files, and a first plan, take what there is.
    assert not Case(accepted).is_new("unit/other")


def found(field: str, message: str = "is wrong") -> Finding:
    return Finding("C-02", "deny", "flat", "", "application/a", message, field)


def test_a_breach_that_moves_to_another_field_is_the_one_that_it_was() -> None:
    assert difference([found("cloud")], [found("site")], {}) == ([], [])
    # Of more than there were, those in other fields and other words are told.
    more = difference([found("cloud")], [found("cloud", "is worse"), found("site"), found("cloud")], {})
    assert more.new == [found("cloud", "is worse"), found("site")] and more.cured == []


def test_a_renamed_entry_is_the_one_that_it_was(cli: Cli, here: Province) -> None:
    gate(here, gate="none")
    wrong(here)
    assert cli("apply", "--yes").code == 0
    gate(here, gate="all")
    assert cli("apply", "--yes").code == 0
    said = here.tables["applications"].pop("archive")
    here.tables["applications"]["records"] = said | {"was": "archive"}
    here.write()
    assert cli("plan", "--json").json["ruling"]["new"] == []
    assert cli("apply", "--yes").code == 0


def test_where_nobody_says_which_province_it_is_documents_refuse_nobody(cli: Cli, here: Province) -> None:
    del here.tables["regions"]["hainan"]["code"]
    here.tables["programmes"] = {"portal": {"builds": ["system"], "status": "building"}}
    here.write()
    assert cli("apply", "--yes").code == 0
    assert "denied  programme/portal" in cli("check", "--rule", "N-06").out
