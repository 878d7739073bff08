"""Decisions as people type them: stage by stage, elsewhere, with a no, too late, and in production."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from govcloud.access import Identity
from govcloud.errors import DeniedError
from govcloud.ledger import requests
from govcloud.plan.gather import propose
from govcloud.plan.guards import NO_LEAVE, admit
from govcloud.plan.stages import Asked
from govcloud.plan.veil import for_person
from govcloud.request.comparing import differences
from govcloud.request.submitting import plan_of
from tests.request.county import STAGES, County, copied, template
from tests.test_json_keys import keys_of

pytestmark = pytest.mark.xdist_group("county")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> County:
    return template(tmp_path_factory.mktemp("county") / "made")


@pytest.fixture
def county(made: County, tmp_path: Path, cli: Any) -> Iterator[County]:
    """The request `portal` is submitted; nobody has signed."""
    with copied(made, tmp_path / "county", cli) as place:
        yield place


def test_three_stages_sign_and_it_is_carried_out(county: County) -> None:
    first = county.approve("officer", "--reason", "needed", "--json").json
    assert first.keys() == keys_of("request approve").keys()
    told = county.good("approvals", first["approval"], "--json").json
    (listed,) = county.good("approvals", "--json").json
    assert told == listed | {"changed": []}
    assert listed.keys() == keys_of("approvals").keys()
    assert (first["stage"], first["person"], first["approved"]) == ("officer-of-unit", "officer", False)
    assert [s["state"] for s in first["stages"]] == ["done", "open", "waiting"]
    shown = county.approve("manager")
    assert shown.code == 0, shown
    # What is signed was seen, and who came before.
    assert "+ application/portal" in shown.out
    assert "stage officer-of-unit: signed by officer" in shown.out
    assert "next: stage province: waits for guard or province-1 or province-2" in shown.out
    refused = county.run("request", "apply", "portal", "--yes", by="builder")
    assert refused.code == 4, refused
    last = county.approve("province-2")
    assert "request portal is approved" in last.out
    county.good("request", "apply", "portal", "--yes", by="builder")
    assert "portal" in county.good("ls", "application").out
    assert county.good("audit", "verify").code == 0
    states = {one["person"]: one["state"] for one in county.good("approvals", "--json").json}
    assert states.keys() == {"officer", "manager", "province-2"}
    assert all(state.startswith("done by ") for state in states.values())


def test_whose_turn_it_is_not_is_told_whose_it_is(county: County) -> None:
    refused = county.approve("province-1")
    assert refused.code == 4, refused
    assert "province-1 is not of unit/health" in refused.err
    assert "officer could" in refused.err
    # Whoever may not approve at all, and whom nobody knows.
    assert county.approve("builder").code == 4
    assert county.run("request", "approve", "portal", "--yes").code == 4
    assert county.approve("officer", key="manager").code == 4
    assert county.run("approvals", "--json").json == []


def test_another_machine_signs_and_openssh_verifies(county: County) -> None:
    message = county.root / "portal.message"
    told = county.good("request", "approve", "portal", "--message-out", message, by="officer")
    assert "+ application/portal" in told.out
    assert json.loads(message.read_bytes())["subject"] == "request/portal:officer-of-unit"
    sign = ["ssh-keygen", "-q", "-Y", "sign", "-n", "govcloud-approval", "-f", county.keys / "officer"]
    sign.append(message)
    subprocess.run(sign, check=True, capture_output=True)
    none = county.run("request", "approve", "portal", "--signature", "/dev/null", by="clerk")
    assert (none.code, "/dev/null: not an SSH signature" in none.err) == (2, True), none
    # Whoever brings it need not be who signed.
    signature = ("request", "approve", "portal", "--signature", f"{message}.sig", "--json")
    done = county.good(*signature, by="clerk").json
    assert (done["person"], done["stage"]) == ("officer", "officer-of-unit")
    assert county.run(*signature, by="clerk").code in (4, 5)  # once
    # Without this program: the accepted keys, the message, the signature.
    county.good("approvals", "--allowed-signers", "signers")
    county.good("approvals", done["approval"], "--out", "proof")
    words = ["-Y", "verify", "-f", "signers", "-I", "officer", "-n", "govcloud-approval"]
    words += ["-s", f"proof/{done['approval']}.sig"]
    text = (county.root / "proof" / f"{done['approval']}.message").read_bytes()
    for data, code in ((text, 0), (text.replace(b"portal", b"wortal"), 255)):
        verified = subprocess.run(["ssh-keygen", *words], cwd=county.root, input=data, capture_output=True)
        assert verified.returncode == code, verified


def test_keys_go_out_with_their_days(county: County) -> None:
    from govcloud.plan.guards.proving import allowed_signers
    from govcloud.signatures import fingerprint

    def name(who: str) -> str:
        return fingerprint(county.own_key(who).public)

    with county.ledger() as ledger:
        county.change_person(ledger, "officer", key_dates={name("officer"): "2020-01-01/2020-12-31"})
        county.change_person(ledger, "manager", revoked_keys={name("manager"): "2020-06-01"})
        county.change_person(ledger, "guard", revoked_keys={name("guard"): ""})
        with ledger.read() as connection:
            (county.root / "signers").write_text("\n".join(allowed_signers(connection)) + "\n")
    for who, when, good in (
        ("officer", "20200601", True),
        ("officer", "20210101", False),
        ("officer", "20191231", False),
        ("manager", "20200531", True),
        ("manager", "20200602", False),
        ("guard", "20200101", False),
        ("province-1", "20500101", True),
    ):
        (county.root / "m").write_bytes(b"text")
        file = county.keys / who
        sign = ["ssh-keygen", "-q", "-Y", "sign", "-n", "govcloud-approval", "-f", file, "m"]
        (county.root / "m.sig").unlink(missing_ok=True)
        subprocess.run(sign, cwd=county.root, check=True, capture_output=True)
        words = ["-Y", "verify", "-O", f"verify-time={when}", "-f", "signers", "-I", who]
        words += ["-n", "govcloud-approval", "-s", "m.sig"]
        done = subprocess.run(["ssh-keygen", *words], cwd=county.root, input=b"text", capture_output=True)
        assert (done.returncode == 0) is good, (who, when, done)


def test_countersigning_wants_different_people(county: County) -> None:
    with county.ledger() as ledger:
        county.put(ledger, ("approval_stage", "province", {**STAGES["province"], "count": 2}))
        for who in ("officer", "manager", "province-1"):
            county.sign(ledger, who)
        with pytest.raises(DeniedError, match="province-1 has signed already"):
            county.sign(ledger, "province-1")
        step = county.standing(ledger).open
        assert step is not None and [a.person for a in step.may] == ["guard", "province-2"]
        assert county.sign(ledger, "guard").approved


def test_recovery_is_reviewed_for_security_and_joined_without_doubles(county: County) -> None:
    with county.ledger() as ledger:
        found = county.standing(ledger)
        assert [s.stage.name for s in found.steps] == ["officer-of-unit", "manager-of-unit", "province"]
        # The chain comes from what is accepted, not from what the files say.
        county.tables["approval_chains"] = {}
        county.write()
        assert len(county.standing(ledger).steps) == 3
        asked = {"applications": {"saved": {"unit": "health"}}}
        for role, stages in (("datacentre", []), ("recovery", ["security"])):
            county.put(ledger, ("site", "far", {"region": "hainan", "role": role}))
            copies = {role: {"subject": "application/saved", "site": "far", "unit": "health"}}
            county.submit("saved", "--replace", entries=asked | {"backups": copies})
            names = [s.stage.name for s in county.standing(ledger, "saved").steps]
            assert names == ["officer-of-unit", "manager-of-unit", "province", *stages]


def test_what_is_split_is_no_smaller(county: County) -> None:
    """What the unit has asked for before counts with it; what comes later changes nothing."""
    with county.ledger() as ledger:
        county.put(ledger, ("approval_chain", "dear", {"order": 3, "stages": ["security"], "yuan_from": 100}))

        def stages(name: str) -> list[str]:
            return [step.stage.name for step in county.standing(ledger, name).steps]

        for name in ("one", "two"):
            county.submit(name, entries={"applications": {name: {"unit": "health", "yearly_yuan": 60}}})
        assert "security" not in stages("one") + stages("portal")
        assert "security" in stages("two")
        # What is taken back is no part of anything; what was carried out meanwhile is.
        county.sql("update request set state = 'active' where name = 'one'")
        assert "security" not in stages("two")
        county.sql(
            "insert into request_event select request, 9, 'apply', 'active', version, actor, person, note, "
            "data, at + 9999 from request_event where request = 'one'"
        )
        assert "security" in stages("two")


def test_a_delegate_signs_as_themselves(county: County) -> None:
    days = {"starts_on": "2020-01-01", "ends_on": "2099-12-31"}
    with county.ledger() as ledger:
        county.put(ledger, ("delegation", "d", {"giver": "officer", "taker": "guard", **days}))
    done = county.approve("guard", "--for", "officer", "--json")
    assert done.code == 0, done
    assert (done.json["person"], done.json["for"]) == ("guard", "officer")
    assert done.json["stages"][0]["signed"][0]["for"] == "officer"
    row = county.good("audit", "log", "--action", "approved", "--json").json[-1]
    assert (row["data"]["person"], row["data"]["for"]) == ("guard", "officer")
    assert county.good("audit", "verify").code == 0
    with county.ledger() as ledger, pytest.raises(DeniedError, match="signed already"):
        county.sign(ledger, "officer")


def test_a_no_has_its_reason(county: County) -> None:
    assert county.run("request", "reject", "portal", by="officer").code == 2
    assert county.run("request", "reject", "portal", "--reason", " ", by="officer").code == 2
    long = county.run("request", "withdraw", "portal", "--reason", "x" * 2001, by="clerk")
    assert (long.code, "2000 characters" in long.err) == (2, True), long
    stranger = county.run("request", "reject", "portal", "--reason", "not now", by="builder")
    assert stranger.code == 4, stranger
    # Whoever decides later may say no at once.
    done = county.good("request", "reject", "portal", "--reason", "there is one", "--json", by="province-1")
    assert done.json.keys() == keys_of("request reject").keys()
    assert (done.json["request"]["state"], done.json["reason"]) == ("rejected", "there is one")
    refused = county.approve("officer")
    assert refused.code == 5, refused
    assert "is rejected" in refused.err
    row = county.good("audit", "log", "--action", "request reject", "--json").json[-1]
    assert row["data"]["note"] == "there is one"


def test_late_is_told_and_goes_up(county: County) -> None:
    assert county.good("request", "overdue", "--json").json == []
    county.settings["notify"] = [{"name": "hall", "webhook": "http://127.0.0.1:9/", "events": ["gate"]}]
    county.write()
    county.sql("update request set submitted = submitted - 20 * 86400")
    found = county.run("request", "overdue", "--json")
    assert found.code == 3, found
    (late,) = found.json
    assert late.keys() == keys_of("request overdue").keys()
    assert (late["request"], late["stage"], late["up"]) == ("portal", "officer-of-unit", ["county-officer"])
    assert late["may"] == ["officer", "county-officer"]
    assert late["late"] >= 5
    assert "county-officer" in county.run("request", "overdue").out
    # Told once, to whom it is about.
    ((body,),) = county.sql("select body from notice")
    assert "and is late" in body and "went up to county-officer" in body
    with county.ledger() as ledger:
        # Those above may sign it now; whoever is late still may.
        assert county.sign(ledger, "county-officer").steps[0].state == "done"
    assert county.good("audit", "verify").code == 0


def test_a_neighbour_changes_nothing_and_one_value_everything(county: County) -> None:
    with county.ledger() as ledger:
        for who in ("officer", "manager", "province-1"):
            county.sign(ledger, who)
    county.tables["applications"]["neighbour"] = {"unit": "county"}
    county.accept()
    assert {one["state"] for one in county.good("approvals", "--json").json} == {"counts"}
    county.submit(
        "portal",
        "--replace",
        reason="people ask for it",
        entries={"applications": {"portal": {"unit": "health", "title": "门户"}}},
    )
    (first, *rest) = county.good("approvals", "--json").json
    assert "would do something else now" in first["state"]
    told = county.good("approvals", first["id"])
    assert "since then: " in told.out and "application/portal: `title`" in told.out
    assert len(rest) == 2
    assert county.run("request", "apply", "portal", "--yes", by="builder").code == 4


# -- production -------------------------------------------------------------------------------------

BUILDER, CHIEF = (Identity(name, f"{name}@desk", "token") for name in ("builder", "guard"))


def produced(county: County) -> None:
    county.settings["production"] = True
    county.write()
    county.good("ls", "unit")


def test_production_is_for_good(county: County) -> None:
    produced(county)
    county.settings["production"] = False
    county.write()
    refused = county.run("plan")
    assert refused.code == 2, refused
    assert "is one of production" in refused.err
    county.settings["production"] = True
    # No proposal lowers it.
    county.tables["profiles"]["approvals"] = {"values": {"needs": "none"}}
    county.write()
    refused = county.run("apply", "--yes", by="builder")
    assert refused.code == 2, refused
    assert "would lower what this production environment is bound to" in refused.err
    # Nor may it leave nobody who could sign, as an emergency neither.
    del county.tables["profiles"]["approvals"]
    county.tables["roles"] = {"all": {"permissions": ["administer", "plan", "apply"], "persons": ["admin"]}}
    county.write()
    refused = county.run("apply", "--yes", by="admin")
    assert refused.code == 2, refused
    assert "leaves nobody with a key who may approve" in refused.err


def test_no_door_is_open_in_production(county: County) -> None:
    """By the files, by a plan file, with any words (tests/guards/test_doors.py has all the others)."""
    produced(county)
    county.tables["applications"]["new"] = {"unit": "county"}
    county.write()
    county.good("plan", "--out", "new.plan", by="builder")
    for door in (("apply", "--yes"), ("apply", "new.plan", "--yes"), ("apply", "--confirm", "I mean it")):
        refused = county.run(*door, by="builder")
        assert refused.code == 4, refused
        assert "every plan is signed here by somebody else" in refused.err
    assert "new" not in county.good("ls", "application").out
    effect = county.good("plan", "--json", by="builder").json["effect"]
    key = ("--key", county.keys / "guard", "--yes")
    county.good("approve", effect, *key, by="guard")
    # Not by who signed.
    with county.ledger() as ledger:
        plan = propose(county.workspace, ledger).plan
        with ledger.read() as connection, pytest.raises(DeniedError, match="guard is who carries it out"):
            admit(connection, plan, CHIEF, NO_LEAVE)
    county.good("apply", "--yes", by="builder")
    shown = county.good("runs", "show", county.good("runs", "list", "--json").json[0]["id"], "--json").json
    assert [(c["how"], c["detail"]["by"]) for c in shown["clearances"]] == [("signed", "guard")]


def test_a_production_ledger_is_begun_without(tmp_path: Path, cli: Any) -> None:
    from tests.store_province import records

    place = records(tmp_path / "new", production=True).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.tables["zones"]["intranet"] = {"role": "intranet"}
    place.write()
    assert cli("apply", "--yes", cwd=place.root).code == 0


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("approval_stages", {"of": "named"}, "`of: named` needs it"),
    ("approval_stages", {"unit": "health"}, "`of` is unit, not named"),
    ("approval_chains", {"order": 1, "stages": []}, "it names none"),
    ("approval_chains", {"order": 1, "stages": ["province", "province"]}, "twice"),
    ("approval_chains", {"order": 1, "stages": ["province"], "kinds": ["instanze"]}, "instanze"),
    ("persons", {"unit": "health", "duty": "staff", "key_dates": {"SHA256:x": "/"}}, "is no key of this"),
    ("persons", {"unit": "health", "duty": "staff", "key_dates": {"SHA256:x": "now"}}, "expected days as"),
    ("persons", {"unit": "health", "duty": "staff", "revoked_keys": {"x": ""}}, "is no fingerprint"),
    ("persons", {"unit": "health", "duty": "staff", "revoked_keys": {"SHA256:x": "soon"}}, "expected a day"),
]


def test_what_says_nothing_is_refused_where_it_stands(county: County) -> None:
    for number, (table, fields, _) in enumerate(WRONG):
        county.tables[table][f"wrong-{number}"] = fields
    county.write()
    refused = county.run("validate")
    assert refused.code == 2, refused
    lines = refused.err.splitlines()
    for number, (_, _, told) in enumerate(WRONG):
        assert any(f"/wrong-{number}:" in one and told in one and "base.yaml:" in one for one in lines), told


def test_what_a_request_makes_is_classified_before_anything_is(county: County) -> None:
    """Nothing that is accepted is classified yet: the plan itself says it, and whoever may not read it
    neither signs nor hears of it by a channel or a change."""
    readers = ["admin", "clerk", "manager", "province-1"]
    county.tables["roles"]["readers"] = {"permissions": ["read_classified"], "persons": readers}
    county.settings["notify"] = [{"name": "duty", "webhook": "http://127.0.0.1:9/hook", "events": ["gate"]}]
    county.accept()
    said = {"project-x": {"unit": "health", "classified": True, "title": "绝密系统"}}
    parts = {"front": {"application": "project-x", "title": "绝密门户"}}
    county.submit("hush", title="绝密项目", entries={"applications": said, "components": parts})
    assert "绝密" not in "".join(str(one) for one in county.sql("SELECT * FROM notice"))
    done = county.approve("officer", name="hush")
    assert done.code == 4, done
    assert "classified" in done.err
    assert not {word for word in ("绝密", "project-x", "front") if word in done.out + done.err}
    with county.ledger() as ledger, ledger.read() as connection:
        plan = plan_of(connection, requests.get(connection, "hush"))
        seen = for_person(connection, "builder", plan)
        assert for_person(connection, "manager", plan) is plan
    other = msgspec.structs.replace(plan, stages=plan.stages[1:], asked=Asked(), effect="0" * 32)
    told = " ".join(differences(seen, msgspec.structs.replace(seen, stages=(), asked=Asked())))
    assert "application/(classified)" in told
    assert not {word for word in ("绝密", "project-x", "front") if word in told}
    assert "project-x" in " ".join(differences(plan, other))
