"""The past as the ledger tells it: against a naive model, and where it is easily told wrong."""

from __future__ import annotations

import time
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govcloud.errors import InputError
from govcloud.ledger import Ledger, blame, entries, history, revisions
from govcloud.ledger.claims import ClaimChanges, ClaimRow, change_claims
from govcloud.ledger.connection import Connection
from govcloud.plan.stages import EntryChange

# uid -> (kind, name, fields): what is accepted, as a person with a notebook would write it down.
Model = dict[str, tuple[str, str, dict[str, Any]]]


def revise(
    connection: Connection,
    accept: Model,
    withdraw: tuple[str, ...] = (),
    *,
    claims: ClaimChanges | None = None,
    at: float | None = None,
    run: str | None = None,
    commit: str | None = None,
    actor: str = "me",
) -> int:
    """One revision that accepts and then withdraws; ``at``: its time, otherwise now."""
    number = entries.open_revision(connection, actor=actor, run=run, commit=commit, message="m")
    if at is not None:
        connection.run("UPDATE revision SET at = :at WHERE number = :number", at=at, number=number)
    changes = [EntryChange("create", u, k, n, 1, None, dict(f)) for u, (k, n, f) in accept.items()]
    entries.accept(connection, number, changes)
    entries.withdraw(connection, number, withdraw)
    if claims is not None:
        change_claims(connection, number, claims)
    return number


UIDS = st.sampled_from(["u1", "u2", "u3", "u4"])
FIELDS = st.dictionaries(st.sampled_from(["role", "title"]), st.sampled_from(["a", "b", "c"]), max_size=2)
VALUES = st.tuples(st.sampled_from(["x", "y", "z"]), FIELDS)
# A revision: what it accepts, and then what it withdraws (perhaps what it has just accepted).
STEP = st.tuples(st.dictionaries(UIDS, VALUES, max_size=3), st.sets(UIDS, max_size=2))
# A uid keeps its kind for life.
KIND = {"u1": "node", "u2": "node", "u3": "zone", "u4": "node"}


def played(connection: Connection, steps: list[tuple[dict[str, Any], set[str]]]) -> list[Model]:
    """Play the steps into the ledger and the notebook: the state after each revision, from the empty one."""
    states: list[Model] = [{}]
    for accept, withdraw in steps:
        now = deepcopy(states[-1])
        change = {}
        for uid, (name, fields) in accept.items():
            # One name, one entry: what is taken when its turn comes is left out.
            if all((k, n) != (KIND[uid], name) or u == uid for u, (k, n, _) in now.items()):
                now[uid] = change[uid] = (KIND[uid], name, fields)
        for uid in withdraw:
            now.pop(uid, None)
        revise(connection, change, tuple(withdraw))
        states.append(now)
    return states


def expected(old: Model, new: Model) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """uid -> (verb, former name, {field: (before, after)})."""
    out: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for uid in old.keys() | new.keys():
        if old.get(uid) == new.get(uid):
            continue
        if uid not in old or uid not in new:
            out[uid] = ("created" if uid in new else "withdrawn", "", {})
            continue
        (_, was, before), (_, name, after) = old[uid], new[uid]
        fields = {
            f: (before.get(f), after.get(f))
            for f in before.keys() | after.keys()
            if before.get(f) != after.get(f)
        }
        out[uid] = ("renamed", was, fields) if was != name else ("changed", "", fields)
    return out


def told(changes: list[history.Change]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    assert len({c.uid for c in changes}) == len(changes)
    return {c.uid: (c.verb, c.was, {f.field: (f.before, f.after) for f in c.changes}) for c in changes}


def check_states(connection: Connection, states: list[Model]) -> None:
    for number, model in enumerate(states):
        assert history.state(connection, number) == model
        assert history.state(connection, number, uids=["u1", "u3", "nobody"]) == {
            u: e for u, e in model.items() if u in ("u1", "u3")
        }
        nodes = {u: e for u, e in model.items() if e[0] == "node"}
        assert history.state(connection, number, kinds=["node"]) == nodes
        assert history.state(connection, number, uids=["u1", "u3"], kinds=["node"]) == {
            u: e for u, e in nodes.items() if u == "u1"
        }
        assert sorted(history.names(connection, "node", number)) == [(u, nodes[u][1]) for u in sorted(nodes)]


def check_differences(connection: Connection, states: list[Model]) -> None:
    for old, before in enumerate(states):
        for new, after in enumerate(states):
            changes = history.differences(connection, old, new)
            assert told(changes) == expected(before, after), (old, new)
            for change in changes:
                assert change.fields == (after if change.uid in after else before)[change.uid][2]
            only = history.differences(connection, old, new, kinds=["node"], only=("node", "x"))
            bearers = {
                uid
                for model in (before, after)
                for uid, (kind, name, _) in model.items()
                if (kind, name) == ("node", "x")
            }
            assert {c.uid for c in only} == bearers & expected(before, after).keys()
            # Whatever differs was touched; what was touched may stand as it stood.
            touched = history.touched(connection, old, new)
            assert touched >= expected(before, after).keys()
            low, high = min(old, new), max(old, new)
            moved = {u for n in range(low, high) for u in expected(states[n], states[n + 1])}
            assert touched >= moved


def check_history(connection: Connection, states: list[Model]) -> None:
    steps = {n: expected(states[n - 1], states[n]) for n in range(1, len(states))}
    for counted in revisions.listed(connection):
        verbs = [verb for verb, _, _ in steps[counted.revision.number].values()]
        assert (counted.created, counted.withdrawn) == (verbs.count("created"), verbs.count("withdrawn"))
        assert counted.changed == verbs.count("changed") + verbs.count("renamed")
    for kind, name in {(e[0], e[1]) for model in states for e in model.values()}:
        bearers = {u for model in states for u, e in model.items() if e[:2] == (kind, name)}
        wanted = {(n, u): step[u] for n, step in steps.items() for u in step.keys() & bearers}
        life = history.versions(connection, kind, name)
        got = {}
        for version in life:
            got[version.revision.number, version.change.uid] = told([version.change])[version.change.uid]
        assert got == wanted
        assert len(life) == len(wanted)
        numbers = [v.revision.number for v in life]
        assert numbers == sorted(numbers, reverse=True)


def check_blame(connection: Connection, states: list[Model]) -> None:
    for number, model in enumerate(states):
        for uid, (kind, name, fields) in model.items():
            blamed = blame.blame(connection, kind, name, number)
            assert blamed is not None
            assert {b.field: b.value for b in blamed} == fields
            for b in blamed:
                since = number
                while uid in states[since - 1] and states[since - 1][uid][2].get(b.field) == b.value:
                    since -= 1
                assert b.since.number == since


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEP, max_size=7))
def test_the_past_is_what_a_notebook_says(
    ledger: Ledger, steps: list[tuple[dict[str, Any], set[str]]]
) -> None:
    with ledger.write() as connection:
        for table in ("accepted", "entry", "revision", "reference", "address"):
            connection.run(f"DELETE FROM {table}")
        states = played(connection, steps)
    with ledger.read() as connection:
        check_states(connection, states)
        check_differences(connection, states)
        check_history(connection, states)
        check_blame(connection, states)


# -- what revisions are called ------------------------------------------------------------------------

NOW = time.time()
HOUR = 3600.0


@pytest.fixture
def dated(ledger: Ledger) -> Ledger:
    """Four revisions, four to one hours old, the middle two of one run and one commit."""
    with ledger.write() as connection:
        for n, (run, commit) in enumerate(
            [
                (None, None),
                ("20261122-100000-abcd", "feed0123456789"),
                ("20261122-100000-abcd", "feed0123456789"),
                ("20261122-110000-ef01", "feedabcdef0123"),
            ]
        ):
            at = NOW - (4 - n) * HOUR
            revise(connection, {"u": ("node", "x", {"role": str(n)})}, at=at, run=run, commit=commit)
    return ledger


def resolved(ledger: Ledger, text: str) -> int:
    with ledger.read() as connection:
        return history.resolve(connection, text)


def iso(ago: float, zone: timezone | None = None) -> str:
    return datetime.fromtimestamp(NOW - ago, zone).isoformat()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("3", 3),
        (" 3 ", 3),
        ("HEAD", 4),
        ("@", 4),
        ("HEAD~", 3),
        ("HEAD~2", 2),
        ("HEAD~4", 0),
        ("20261122-100000-abcd", 3),
        ("20261122-11", 4),
        ("feed0", 3),
        ("FEED0123", 3),
        ("feedabcdef0123", 4),
        ("@1999-12-31", 0),
        ("@{90 minutes ago}", 3),
        ("@{ 2 weeks ago }", 0),
        ("@{1 second ago}", 4),
        ("@{999999999 weeks ago}", 0),
    ],
)
def test_a_revision_is_called(dated: Ledger, text: str, number: int) -> None:
    assert resolved(dated, text) == number


def test_a_time_means_the_state_at_that_moment(dated: Ledger) -> None:
    assert resolved(dated, f"@{iso(2.5 * HOUR)}") == 2
    assert resolved(dated, f"@{iso(2.5 * HOUR).replace('T', ' ')[:19]}") == 2
    assert resolved(dated, f"@{{{iso(2.5 * HOUR)}}}") == 2
    assert resolved(dated, f"@{iso(2.5 * HOUR, timezone(timedelta(hours=-9)))}") == 2
    assert resolved(dated, f"@{iso(5 * HOUR)}") == 0
    with pytest.raises(InputError) as caught:
        resolved(dated, f"@{iso(-2 * HOUR)}")
    assert "has not come yet" in str(caught.value.problems[0])


def test_a_date_is_its_first_moment_here(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        midnight = datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=8))).timestamp()
        with ledger.write() as connection:
            revise(connection, {}, at=midnight - 1)
            revise(connection, {}, at=midnight)
            revise(connection, {}, at=midnight + 1)
        assert resolved(ledger, "@2026-03-01") == 2
        assert resolved(ledger, "@2026-02-28T23:59:59") == 1
        assert resolved(ledger, "@2026-02-28T16:00:02+00:00") == 3
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5", "there is no revision '5'; the newest is 4, of 20"),
        ("-1", "there is no revision '-1'"),
        ("", "there is no revision ''"),
        ("HEAD~5", "there is no revision 'HEAD~5'"),
        ("9" * 60, "there is no revision"),
        ("HEAD~" + "9" * 60, "there is no revision"),
        ("yesterday", "there is no revision 'yesterday'"),
        ("fee", "there is no revision 'fee'"),
        ("feed", "'feed' begins several runs or commits: feed0123456789, feedabcdef0123"),
        ("20261122", "'20261122' begins several runs or commits"),
        ("@noon", "'@noon' is no time"),
        ("@0001-01-01", "'@0001-01-01' is no time"),
        ("@9999-12-31", "has not come yet"),
        ("@{}", "'@{}' is no time"),
        ("%", "there is no revision '%'"),
        ("____", "there is no revision '____'"),
    ],
)
def test_what_is_no_revision_gets_a_sentence(dated: Ledger, text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        resolved(dated, text)
    assert words in str(caught.value.problems[0])
    assert caught.value.hint


def test_a_run_that_accepted_nothing_is_told_of(dated: Ledger) -> None:
    row = {
        "id": "20261122-113000-0000",
        "status": "done",
        "plan": "",
        "effect": "",
        "title": "",
        "actor": "me",
    }
    with dated.write() as connection:
        connection.insert("run", [row | {"started": NOW - 1.5 * HOUR}])
    with pytest.raises(InputError) as caught:
        resolved(dated, "20261122-1130")
    assert "run 20261122-113000-0000 accepted nothing" in str(caught.value.problems[0])
    assert "revision 3 stood" in caught.value.hint


def test_the_head_of_an_empty_ledger(ledger: Ledger) -> None:
    assert resolved(ledger, "HEAD") == resolved(ledger, "0") == resolved(ledger, "@2020-01-01") == 0
    with pytest.raises(InputError, match="1 problem"):
        resolved(ledger, "1")


def test_revisions_are_listed_newest_first(ledger: Ledger) -> None:
    with ledger.write() as connection:
        revise(connection, {"a": ("node", "a", {}), "b": ("node", "b", {})}, actor="li")
        revise(connection, {"a": ("node", "z", {}), "b": ("node", "b", {"role": "core"})}, actor="wang")
        revise(connection, {"c": ("node", "c", {})}, ("a", "c"), actor="li")
        revise(connection, {}, actor="wang")

    def told(**options: Any) -> list[tuple[int, int, int, int]]:
        with ledger.read() as connection:
            found = revisions.listed(connection, **options)
        return [(c.revision.number, c.created, c.changed, c.withdrawn) for c in found]

    assert told() == [(4, 0, 0, 0), (3, 0, 0, 1), (2, 0, 2, 0), (1, 2, 0, 0)]
    assert told(limit=2) == [(4, 0, 0, 0), (3, 0, 0, 1)]
    assert told(since=2) == [(4, 0, 0, 0), (3, 0, 0, 1)]
    assert told(actor="li") == [(3, 0, 0, 1), (1, 2, 0, 0)]
    assert told(actor="nobody") == []


# -- one entry ----------------------------------------------------------------------------------------


def test_a_life_holds_renames_namesakes_and_returns(ledger: Ledger) -> None:
    with ledger.write() as connection:
        revise(connection, {"first": ("node", "gate", {"role": "core"})})
        revise(connection, {"first": ("node", "door", {"role": "core"})})
        revise(connection, {"second": ("node", "gate", {"role": "edge"})})
        revise(connection, {}, ("second",))
        revise(connection, {"second": ("node", "gate", {"role": "edge"})})
        revise(connection, {"first": ("node", "door", {"role": "border"})})
        revise(connection, {"other": ("zone", "gate", {"role": "x"})})
    with ledger.read() as connection:
        life = history.versions(connection, "node", "gate")
        assert history.names(connection, "node") == [("first", "door"), ("first", "gate"), ("second", "gate")]
    assert [(v.revision.number, v.change.verb, v.change.uid, v.change.name, v.change.was) for v in life] == [
        (6, "changed", "first", "door", ""),
        (5, "created", "second", "gate", ""),
        (4, "withdrawn", "second", "gate", ""),
        (3, "created", "second", "gate", ""),
        (2, "renamed", "first", "door", "gate"),
        (1, "created", "first", "gate", ""),
    ]
    assert life[0].change.changes == [history.FieldChange("role", "core", "border")]
    assert life[2].change.fields == {"role": "edge"}


def claim(claimant: str, line: int = 0, /, name: str = "x", **fields: Any) -> ClaimRow:
    return ClaimRow("node", name, claimant, line, fields)


def told_blame(ledger: Ledger, number: int) -> dict[str, tuple[Any, str, list[str], int]]:
    """field -> (value, owner and line, whom it outranks, since)."""
    with ledger.read() as connection:
        found = blame.blame(connection, "node", "x", number)
    assert found is not None
    return {
        b.field: (
            b.value,
            f"{b.owner.claimant}:{b.owner.line}" if b.owner else "",
            [c.claimant for c in b.under],
            b.since.number,
        )
        for b in found
    }


def test_blame_names_the_owner_and_the_revision_of_each_value(ledger: Ledger) -> None:
    with ledger.write() as connection:
        said = (claim("file:a.yaml", 3, role="core"), claim("file:b.yaml", 9, title="t", region="r"))
        fields = {"role": "core", "title": "t", "region": "r"}
        revise(connection, {"u": ("node", "x", fields)}, claims=ClaimChanges(said=said))
        revise(connection, {"u": ("node", "x", fields | {"role": "edge"})})
        # Back to the first value, said by somebody else: it holds since now, not since then.
        said = (claim("request:r1", role="core"),)
        ended = (("node", "x", "file:a.yaml"),)
        revise(connection, {"u": ("node", "x", fields)}, claims=ClaimChanges(said=said, ended=ended))
    assert told_blame(ledger, 3) == {
        "role": ("core", "request:r1:0", [], 3),
        "title": ("t", "file:b.yaml:9", [], 1),
        "region": ("r", "file:b.yaml:9", [], 1),
    }
    assert told_blame(ledger, 1)["role"] == ("core", "file:a.yaml:3", [], 1)
    assert told_blame(ledger, 2)["role"] == ("edge", "file:a.yaml:3", [], 2)
    with ledger.read() as connection:
        assert blame.blame(connection, "node", "x", 0) is None
        assert blame.blame(connection, "node", "y", 3) is None
        assert blame.blame(connection, "zone", "x", 3) is None


def test_a_value_that_was_away_with_its_entry_holds_since_it_came_back(ledger: Ledger) -> None:
    with ledger.write() as connection:
        revise(connection, {"u": ("node", "x", {"role": "core"})})
        revise(connection, {}, ("u",))
        revise(connection, {"u": ("node", "x", {"role": "core"})})
        revise(connection, {"u": ("node", "x", {"role": "core", "title": "t"})})
    assert told_blame(ledger, 4) == {"role": ("core", "", [], 3), "title": ("t", "", [], 4)}


def test_blame_knows_what_outranks_what(ledger: Ledger) -> None:
    file, layer, stray = "file:a.yaml", "file:layers/lab/a.yaml", "file:layers/other/a.yaml"
    with ledger.write() as connection:
        connection.run("UPDATE setting SET value = 'site,lab' WHERE key = 'layers'")
        said = (
            claim(file, 3, role="core", title="t"),
            claim(layer, 4, role="edge"),
            claim(stray, 5, title="u"),
        )
        revise(
            connection, {"u": ("node", "x", {"role": "edge", "title": "t"})}, claims=ClaimChanges(said=said)
        )
        pinned = ClaimChanges(said=(claim("pin:1", role="old", title="t"),))
        revise(connection, {"u": ("node", "x", {"role": "old", "title": "t"})}, claims=pinned)
    assert told_blame(ledger, 1) == {
        "role": ("edge", f"{layer}:4", [file], 1),
        "title": ("t", f"{file}:3", [], 1),
    }
    assert told_blame(ledger, 2) == {
        "role": ("old", "pin:1:0", [layer, file], 2),
        "title": ("t", "pin:1:0", [file], 1),
    }
    with ledger.read() as connection:
        pinned_now = [b.pinned for b in blame.blame(connection, "node", "x", 2) or []]
        pinned_then = [b.pinned for b in blame.blame(connection, "node", "x", 1) or []]
    assert (pinned_now, pinned_then) == ([True, True], [False, False])


def test_who_referred_to_an_entry_then(ledger: Ledger) -> None:
    link = {"a": "x", "b": "y", "a_interface": "x", "b_interface": "to-x"}
    with ledger.write() as connection:
        revise(connection, {"l": ("link", "l", link), "x": ("node", "x", {"title": "x", "region": "x_x"})})
        # A name of another kind, and a text that is no reference.
        revise(connection, {"l": ("link", "l", link | {"a": "z"}), "t": ("zone", "t", {"title": "x"})})
        revise(connection, {}, ("l",))
    with ledger.read() as connection:
        then = [history.referring_at(connection, n, "node", "x") for n in range(4)]
        assert history.referring_at(connection, 2, "node", "z") == [("l", "link/l")]
        assert history.referring_at(connection, 1, "region", "xyx") == []
        assert history.referring_at(connection, 1, "region", "x_x") == [("x", "node/x")]
    assert then == [[], [("l", "link/l")], [], []]


def test_what_bore_a_name_then(ledger: Ledger) -> None:
    with ledger.write() as connection:
        revise(connection, {"a": ("node", "x", {"role": "core"})})
        revise(connection, {"a": ("node", "y", {"role": "core"}), "b": ("node", "x", {})})
        revise(connection, {"c": ("zone", "x", {})}, ("b",))
    with ledger.read() as connection:
        found = [history.entry_at(connection, n, "node", "x") for n in range(4)]
    assert [(e.uid, e.since, e.fields) if e else None for e in found] == [
        None,
        ("a", 1, {"role": "core"}),
        ("b", 2, {}),
        None,
    ]
