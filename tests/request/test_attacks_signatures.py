"""Attacks on decisions, one by one: each is refused in a sentence, and nothing of it is kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from govcloud.access import Identity
from govcloud.errors import ConflictError, DeniedError, GovcloudError, InputError
from govcloud.ledger import Ledger, approvals, requests
from govcloud.ledger.approvals import Approval
from govcloud.plan.guards import judge, proving
from govcloud.plan.stages import decode
from govcloud.request import deciding
from govcloud.signatures import BadSignature, fingerprint
from tests.request.county import STAGES, County, copied, template

pytestmark = pytest.mark.xdist_group("county")
DAY = 86400
BUILDER = Identity("builder", "builder@desk", "token")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> County:
    return template(tmp_path_factory.mktemp("county") / "made")


@pytest.fixture
def county(made: County, tmp_path: Path, cli: Any) -> Iterator[County]:
    """The request `portal` is submitted; nobody has signed."""
    with copied(made, tmp_path / "county", cli) as place:
        yield place


@pytest.fixture
def ledger(county: County) -> Iterator[Ledger]:
    with county.ledger() as opened:
        yield opened


def keep(county: County, ledger: Ledger, one: Approval, name: str = "portal") -> None:
    deciding.decide(county.workspace, ledger, name, one, one.account)


def behind(ledger: Ledger, one: Approval) -> None:
    """A row that the program did not write, as somebody with the database's file puts it there."""
    with ledger.write() as connection:
        row = msgspec.structs.asdict(one) | {"id": approvals.id_of(one.signature)}
        connection.insert("approval", [row])


def lacks(ledger: Ledger) -> str:
    """Why the request may not be carried out now; empty where it may."""
    with ledger.read() as connection:
        row = requests.get(connection, "portal")
        asked = judge(connection, decode(requests.paper(connection, row.plan)), BUILDER).asked
    assert asked is not None
    return asked.lacks


def faults(ledger: Ledger) -> str:
    """What `audit verify` finds in the approvals."""
    with ledger.read() as connection:
        return "\n".join([*approvals.faults(connection), *proving.faults(connection)])


def voids(county: County, ledger: Ledger) -> str:
    return "\n".join(one.void for one in county.standing(ledger).void)


def all_three(county: County, ledger: Ledger) -> None:
    for who in ("officer", "manager", "province-1"):
        county.sign(ledger, who)
    assert lacks(ledger) == ""


def test_nothing_is_wrong_with_what_is_right(county: County, ledger: Ledger) -> None:
    """Or the tests below would prove nothing."""
    assert "waits for stage officer-of-unit (0 of 3" in lacks(ledger)
    all_three(county, ledger)
    assert faults(ledger) == ""
    assert county.run("audit", "verify").code == 0


def test_a_forged_signature(county: County, ledger: Ledger) -> None:
    true = county.signed(ledger, "officer")
    forged = county.signed(ledger, "officer", key="clerk")
    with pytest.raises(DeniedError, match="no accepted key of officer"):
        keep(county, ledger, forged)
    # Under the name of the officer's own key.
    with pytest.raises(GovcloudError, match=r"none of the keys|does not fit"):
        keep(county, ledger, msgspec.structs.replace(forged, public=true.public))
    for change in ({"note": "and more"}, {"at": true.at + 1}, {"effect": "0" * 32}, {"person": "manager"}):
        with pytest.raises((BadSignature, DeniedError, ConflictError)):
            keep(county, ledger, msgspec.structs.replace(true, **change))
    assert county.sql("select count(*) from approval") == [(0,)]
    # Put there by hand it counts for nothing, and is found.
    behind(ledger, msgspec.structs.replace(forged, public=true.public))
    assert "0 of 3" in lacks(ledger)
    assert "not in the trail" in faults(ledger) or "signed by" in faults(ledger)


def test_a_signature_for_another_effect(county: County, ledger: Ledger) -> None:
    early = county.signed(ledger, "officer")
    county.submit("portal", "--replace", reason="another reason")
    with pytest.raises(ConflictError, match="something else than was signed"):
        keep(county, ledger, early)
    with pytest.raises(GovcloudError, match="does not fit"):
        row = requests_row(ledger)
        keep(county, ledger, msgspec.structs.replace(early, effect=row.effect, at=row.submitted + 1))


def requests_row(ledger: Ledger, name: str = "portal") -> requests.Row:
    with ledger.read() as connection:
        return requests.get(connection, name)


def test_a_signature_for_another_request(county: County, ledger: Ledger) -> None:
    county.submit("other")
    one = county.signed(ledger, "officer")
    with pytest.raises(InputError) as refused:
        keep(county, ledger, one, "other")
    assert "not request/other" in refused.value.problems[0].message
    subject = one.subject.replace("portal", "other")
    with pytest.raises(GovcloudError):
        keep(county, ledger, msgspec.structs.replace(one, subject=subject), "other")
    row = requests_row(ledger, "other")
    moved = {"subject": subject, "effect": row.effect, "at": row.submitted + 1}
    with pytest.raises(DeniedError, match="does not fit"):
        keep(county, ledger, msgspec.structs.replace(one, **moved), "other")


def test_a_signature_of_another_ledger(county: County, ledger: Ledger) -> None:
    with ledger.read() as connection:
        made = deciding.draft(connection, "officer", "officer@desk", "portal", "")
        # Read by a ledger that is another one.
        elsewhere = made.message.replace(connection_id(county).encode(), b"f" * 32)
        signed = approvals.sealed(made.approval, elsewhere, county.own_key("officer"))
        with pytest.raises(InputError) as refused:
            deciding.made_elsewhere(connection, elsewhere, signed.signature, "officer@desk")
        assert "another ledger" in refused.value.problems[0].message
    with pytest.raises(DeniedError, match="does not fit"):
        keep(county, ledger, signed)


def connection_id(county: County) -> str:
    ((found,),) = county.sql("select value from setting where key = 'ledger_id'")
    return str(found)


def test_a_signature_counts_once(county: County, ledger: Ledger) -> None:
    county.put(ledger, ("approval_stage", "officer-of-unit", {**STAGES["officer-of-unit"], "count": 2}))
    one = county.signed(ledger, "officer")
    keep(county, ledger, one)
    with pytest.raises(ConflictError, match="kept already"):
        keep(county, ledger, one)
    with pytest.raises(DeniedError, match="officer has signed already"):
        county.sign(ledger, "officer")
    assert "1 of 3" not in lacks(ledger)


def test_a_signature_of_before(county: County, ledger: Ledger) -> None:
    """Withdrawn and asked for anew, with the same effect: what was signed then was another decision."""
    county.sign(ledger, "officer")
    effect = requests_row(ledger).effect
    county.good("request", "withdraw", "portal", by="clerk")
    county.submit()
    assert requests_row(ledger).effect == effect
    assert "0 of 3" in lacks(ledger)
    assert "before this was submitted" in voids(county, ledger)


@pytest.mark.parametrize(
    ("starts", "ends", "told"),
    [
        ("2020-01-01", "2020-12-31", "delegation/d ended on 2020-12-31"),
        ("2098-01-01", "2099-12-31", "delegation/d begins on 2098-01-01"),
        ("2020-01-01", "", "delegation/d has no end and counts for nothing"),
    ],
)
def test_a_delegation_out_of_its_days(
    county: County, ledger: Ledger, starts: str, ends: str, told: str
) -> None:
    said = {"giver": "officer", "taker": "guard", "starts_on": starts, "ends_on": ends}
    county.put(ledger, ("delegation", "d", said))
    with pytest.raises(DeniedError, match=told):
        county.signed(ledger, "guard")
    # Nor by what says so itself.
    one = county.signed(ledger, "officer")
    with pytest.raises(DeniedError, match=told):
        keep(county, ledger, resigned(county, ledger, one, "guard", subject=f"{one.subject}:officer"))


def resigned(county: County, ledger: Ledger, one: Approval, by: str, **changed: Any) -> Approval:
    """What somebody signs who writes the message themselves."""
    one = msgspec.structs.replace(one, person=by, account=f"{by}@desk", public="", **changed)
    with ledger.read() as connection:
        text = approvals.message(connection, one)
    return approvals.sealed(one, text, county.own_key(by))


def test_a_delegation_of_a_delegation(county: County, ledger: Ledger) -> None:
    days = {"starts_on": "2020-01-01", "ends_on": "2099-12-31"}
    county.put(
        ledger,
        ("delegation", "d1", {"giver": "officer", "taker": "guard", **days}),
        ("delegation", "d2", {"giver": "guard", "taker": "province-2", **days}),
    )
    with pytest.raises(DeniedError, match="province-2"):
        county.signed(ledger, "province-2", giver="officer")
    with pytest.raises(DeniedError, match="guard"):
        county.signed(ledger, "province-2", giver="guard")
    # The first may, and once for all stages.
    county.sign(ledger, "guard")
    with pytest.raises(DeniedError, match="signed already"):
        county.put(ledger, ("delegation", "d3", {"giver": "manager", "taker": "guard", **days}))
        county.sign(ledger, "guard")
    assert faults(ledger) == ""


def test_a_giver_who_lost_the_duty(county: County, ledger: Ledger) -> None:
    days = {"starts_on": "2020-01-01", "ends_on": "2099-12-31"}
    county.put(ledger, ("delegation", "d", {"giver": "officer", "taker": "guard", **days}))
    county.sign(ledger, "guard")
    county.change_person(ledger, "officer", duty="staff")
    assert "0 of 3" in lacks(ledger)
    assert "officer is staff there" in voids(county, ledger)


def test_an_approver_who_was_removed_before(county: County, ledger: Ledger) -> None:
    one = county.signed(ledger, "officer")
    county.put(ledger, ("person", "officer", None))
    for attempt in (lambda: keep(county, ledger, one), lambda: county.signed(ledger, "officer")):
        with pytest.raises(DeniedError, match="no accepted person"):
            attempt()


def test_an_approver_who_was_removed_after(county: County, ledger: Ledger) -> None:
    all_three(county, ledger)
    county.put(ledger, ("person", "manager", None))
    assert "1 of 3" in lacks(ledger)
    assert "no accepted key of manager any more" in voids(county, ledger)
    assert county.run("request", "apply", "portal", "--yes", by="builder").code == 4
    # It was good when it was given.
    assert faults(ledger) == ""


def test_two_who_race_for_one_stage(county: County, ledger: Ledger) -> None:
    for who in ("officer", "manager"):
        county.sign(ledger, who)
    first, second = (county.signed(ledger, who) for who in ("province-1", "province-2"))
    keep(county, ledger, first)
    with pytest.raises(ConflictError, match=r"every stage|signed by province-1 meanwhile|is approved"):
        keep(county, ledger, second)
    assert county.sql("select count(*) from approval") == [(3,)]


def test_two_who_race_for_the_first_of_three(county: County, ledger: Ledger) -> None:
    county.change_person(ledger, "guard", unit="health", duty="information_officer")
    first, second = (county.signed(ledger, who) for who in ("officer", "guard"))
    keep(county, ledger, first)
    with pytest.raises(ConflictError, match="signed by officer meanwhile"):
        keep(county, ledger, second)


def test_the_applicant_by_a_second_key_and_account(county: County, ledger: Ledger) -> None:
    second = county.key("second")
    keys = [*county.tables["persons"]["clerk"]["ssh_keys"], second]
    county.change_person(ledger, "clerk", duty="information_officer", ssh_keys=keys, accounts=["root"])
    county.put(ledger, ("role", "more", {"permissions": ["approve"], "persons": ["clerk"]}))
    with pytest.raises(DeniedError, match="clerk asked for it: nobody approves their own"):
        county.signed(ledger, "clerk", key="second")
    # Nor through a delegation, to them or from them.
    days = {"starts_on": "2020-01-01", "ends_on": "2099-12-31"}
    for giver, taker in (("officer", "clerk"), ("clerk", "guard")):
        county.put(ledger, ("delegation", "d", {"giver": giver, "taker": taker, **days}))
        with pytest.raises(DeniedError, match="nobody approves their own"):
            county.signed(ledger, taker, giver=giver)
    one = county.signed(ledger, "officer")
    with pytest.raises(DeniedError, match="nobody approves their own"):
        keep(county, ledger, resigned(county, ledger, one, "clerk"))


def test_whoever_submits_for_somebody_else_asks_too(county: County, ledger: Ledger) -> None:
    county.good("request", "withdraw", "portal", by="clerk")
    county.submit(by="officer", applicant="clerk")
    with pytest.raises(DeniedError, match="officer asked for it"):
        county.signed(ledger, "officer")
    # Nobody else of the unit has the duty: it is the parent unit's.
    assert [a.person for a in county.standing(ledger).steps[0].may] == ["county-officer"]
    county.sign(ledger, "county-officer")
    assert faults(ledger) == ""


def test_whoever_signed_does_not_carry_it_out(county: County, ledger: Ledger) -> None:
    all_three(county, ledger)
    role = {"permissions": ["plan", "approve", "apply"], "persons": ["manager"]}
    county.put(ledger, ("role", "of-manager", role))
    refused = county.run("request", "apply", "portal", "--yes", by="manager")
    assert refused.code == 4, refused
    county.good("request", "apply", "portal", "--yes", by="builder")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("update approval set person = 'guard' where person = 'manager'", "no accepted key of guard"),
        ("update approval set subject = 'request/portal:province' where person = 'manager'", "does not fit"),
        ("update approval set note = 'gladly' where person = 'manager'", "does not fit"),
        ("update approval set at = at + 1 where person = 'manager'", "does not fit"),
        ("update request set submitted = submitted + 3600", "before this was submitted"),
    ],
)
def test_a_row_that_was_edited(county: County, ledger: Ledger, statement: str, told: str) -> None:
    all_three(county, ledger)
    county.sql(statement)
    assert "waits for" in lacks(ledger)
    assert told in voids(county, ledger)
    assert county.run("request", "apply", "portal", "--yes", by="builder").code in (4, 5)
    if "approval" in statement:
        assert faults(ledger) != ""


def test_a_chain_that_was_shortened_in_the_trail(county: County, ledger: Ledger) -> None:
    """The trail's word and the signature have to say the same stage; the trail itself is sealed."""
    county.sign(ledger, "officer")
    county.sql('update audit set data = replace(data, \'"asked_by":["clerk"]\', \'"asked_by":[]\')')
    verified = county.run("audit", "verify")
    assert verified.code == 1, verified


def test_a_decision_that_nobody_was_allowed(county: County, ledger: Ledger) -> None:
    """Kept by a program that does not ask: `audit verify` finds it, by what was accepted then."""
    one = county.signed(ledger, "officer")
    forged = resigned(county, ledger, one, "county-officer")
    with ledger.write() as connection:
        told = {
            "request": "portal",
            "stage": "officer-of-unit",
            "stages": ["officer-of-unit"],
            "unit": "health",
            "asked_by": [],
            "due": time.time() + DAY,
            "revision": 1,
        }
        approvals.keep(connection, "county-officer", forged, told)
    assert "comes in when it is late" in faults(ledger)
    assert county.run("audit", "verify").code == 1


@contextlib.contextmanager
def clock(monkeypatch: pytest.MonkeyPatch, days: float) -> Iterator[None]:
    """This machine's clock is so many days off."""
    true = time.time
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: true() + days * DAY)
        yield


def test_a_clock_that_was_set_back(county: County, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with clock(monkeypatch, -2), pytest.raises(ConflictError, match=r"clock is .* behind"):
        county.sign(ledger, "officer")
    one = county.signed(ledger, "officer")
    with pytest.raises(DeniedError, match="before this was submitted"):
        keep(county, ledger, resigned(county, ledger, one, "officer", at=one.at - DAY))


def test_a_signature_from_a_time_to_come(
    county: County, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = county.signed(ledger, "officer")
    with pytest.raises(DeniedError, match="which is to come"):
        keep(county, ledger, resigned(county, ledger, one, "officer", at=one.at + DAY))


def test_a_key_out_of_its_days(county: County, ledger: Ledger) -> None:
    key = fingerprint(county.own_key("officer").public)
    one = county.signed(ledger, "officer")
    for dates, told in (
        ("2020-01-01/2020-12-31", "was good until 2020-12-31"),
        ("2099-01-01/", "is good from"),
    ):
        county.change_person(ledger, "officer", key_dates={key: dates})
        with pytest.raises(DeniedError, match=told):
            keep(county, ledger, one)
    # Once it was good when it signed, its end changes nothing.
    today = time.strftime("%Y-%m-%d")
    county.change_person(ledger, "officer", key_dates={key: f"/{today}"})
    keep(county, ledger, one)
    assert "1 of 3" in lacks(ledger)


def test_a_key_whose_days_are_over_signs_nothing_by_another_date(county: County, ledger: Ledger) -> None:
    key = fingerprint(county.own_key("officer").public)
    county.sql("update request set submitted = submitted - ?", 3 * DAY)
    yesterday = time.strftime("%Y-%m-%d", time.localtime(time.time() - DAY))
    one = county.signed(ledger, "officer")
    county.change_person(ledger, "officer", key_dates={key: f"2020-01-01/{yesterday}"})
    with pytest.raises(DeniedError, match=f"was good until {yesterday}"):
        keep(county, ledger, resigned(county, ledger, one, "officer", at=one.at - 2 * DAY))
    # The end of a key changes nothing of what was kept before.
    county.change_person(ledger, "officer")
    keep(county, ledger, one)
    county.change_person(ledger, "officer", key_dates={key: f"2020-01-01/{time.strftime('%Y-%m-%d')}"})
    assert "1 of 3" in lacks(ledger)


def test_a_key_that_was_stolen(county: County, ledger: Ledger) -> None:
    key = fingerprint(county.own_key("officer").public)
    one = county.signed(ledger, "officer")
    keep(county, ledger, one)
    assert "1 of 3" in lacks(ledger)
    county.change_person(ledger, "officer", revoked_keys={key: "2020-01-01"})
    assert "0 of 3" in lacks(ledger)
    assert "is revoked from 2020-01-01" in voids(county, ledger)
    # What was signed before it was stolen stands.
    county.change_person(ledger, "officer", revoked_keys={key: "2099-01-01"})
    assert "1 of 3" in lacks(ledger)
    # Whoever stole it cannot have signed before that: the ledger's own time counts too.
    county.change_person(ledger, "officer", revoked_keys={key: time.strftime("%Y-%m-%d")})
    assert "0 of 3" in lacks(ledger)
