"""Which host gets which secret, in which version: what a plan says of it, from what is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from govcloud.ledger.building import Applied
from govcloud.model.catalogue import Catalogue
from govcloud.model.secret import Secret, SecretFile
from govcloud.plan.delivering import GROUP, VARIABLE, Version, put, to_hold, uses
from govcloud.plan.hosts import HostVars

HOSTS = ("a", "b", "c")
NAMES = ("db", "web")


def host(name: str) -> HostVars:
    entry = f"server/{name}"
    return HostVars(kind="server", entry=entry, target="lab", order=2, groups=["servers"], vars={})


def catalogue(files: dict[tuple[str, str], bool]) -> Catalogue:
    """``files``: whether a host gets a secret, by (host, secret)."""
    made = {
        f"{secret}-on-{name}": SecretFile(secret=secret, hosts=[f"server/{name}"], path=f"{secret}/value")
        for (name, secret), wanted in files.items()
        if wanted
    }
    secrets = {name: Secret(origin="env", variable=name.upper()) for name in NAMES}
    return Catalogue({"secret": secrets, "secret_file": made})


def applied(hosts: dict[str, HostVars]) -> list[Applied]:
    """What a play that reached every host has written down."""
    return [
        Applied(f"host:{n}", f"uid-{n}", 1, "digest", {"birth": "1", **to_hold({"vars": h.vars})})
        for n, h in hosts.items()
    ]


choices = st.fixed_dictionaries({(h, s): st.booleans() for h in HOSTS for s in NAMES})
versions = st.fixed_dictionaries(
    {
        n: st.sampled_from([Version("k1:1"), Version("k1:2"), Version("k2:1"), Version(trouble="away")])
        for n in NAMES
    }
)


@given(first=choices, then=choices, before=versions, now=versions)
def test_a_second_play_of_the_same_has_nothing_to_do(first, then, before, now) -> None:  # type: ignore[no-untyped-def]
    plain = {name: host(name) for name in HOSTS}
    had = put(plain, catalogue(first), before, [])
    rows = applied(had)
    wanted = put(plain, catalogue(then), now, rows)
    again = put(plain, catalogue(then), now, applied(wanted))
    assert again == wanted, "what was brought there is what the next plan wants"
    for name, one in wanted.items():
        gets = {s for (h, s), yes in then.items() if yes and h == name}
        held = {f["secret"] for f in one.vars.get(VARIABLE, ())}
        assert held == gets
        # Who had some, and has none now, is told so: the last one has to go.
        assert (GROUP in one.groups) == (bool(gets) or VARIABLE in had[name].vars)


@given(files=choices, before=versions, now=versions)
def test_a_plan_tells_of_each_secret_that_is_new_or_away(files, before, now) -> None:  # type: ignore[no-untyped-def]
    plain = {name: host(name) for name in HOSTS}
    rows = applied(put(plain, catalogue(files), before, []))
    wanted = put(plain, catalogue(files), now, rows)
    dirty = [n for n, h in wanted.items() if h.vars != put(plain, catalogue(files), before, rows)[n].vars]
    told = uses(wanted, dirty, now, rows)
    for secret in NAMES:
        getting = {h for (h, s), yes in files.items() if yes and s == secret}
        use = told.get(secret)
        if not getting:
            assert use is None
        elif now[secret].trouble:
            assert use is not None and use.trouble == "away"
            assert use.needed == bool(getting & set(dirty))
        elif before[secret].version == now[secret].version:
            assert use is None
        else:
            assert use is not None and set(use.hosts) == getting
            assert use.first == (not before[secret].version)
            assert use.rekeyed == (
                before[secret].version.startswith("k")
                and before[secret].version[:2] != now[secret].version[:2]
            )


def test_a_host_that_is_renamed_holds_what_it_held() -> None:
    rows = applied(put({"a": host("a")}, catalogue({("a", "db"): True}), {"db": Version("k1:1")}, []))
    now = {"b": host("b")}
    gone = put(now, catalogue({}), {}, rows, {"uid-a": "b"})
    assert GROUP in gone["b"].groups and gone["b"].vars[VARIABLE] == []
    files = catalogue({("b", "db"): True})
    away = put(now, files, {"db": Version(trouble="away")}, rows, {"uid-a": "b"})
    assert away["b"].vars[VARIABLE][0]["version"] == "k1:1"
    same = put(now, files, {"db": Version("k1:1")}, rows, {"uid-a": "b"})
    assert not uses(same, ["b"], {"db": Version("k1:1")}, rows, {"uid-a": "b"})


def test_a_secret_that_may_lie_on_a_host_is_taken_away_and_is_no_former_version() -> None:
    rows = [Applied("host:a", "uid-a", 1, "in doubt", {"secrets": {"db": ""}})]
    assert put({"a": host("a")}, catalogue({}), {}, rows)["a"].vars[VARIABLE] == []
    files, now = catalogue({("a", "db"): True}), {"db": Version("k1:1")}
    told = uses(put({"a": host("a")}, files, now, rows), ["a"], now, rows)["db"]
    assert told.first and told.hosts == ("a",) and not told.rekeyed


def test_a_host_keeps_its_version_while_the_source_is_away() -> None:
    plain = {"a": host("a")}
    files = catalogue({("a", "db"): True})
    rows = applied(put(plain, files, {"db": Version("k1:1")}, []))
    away = put(plain, files, {"db": Version(trouble="away")}, rows)
    assert away["a"].vars[VARIABLE][0]["version"] == "k1:1"
    assert not uses(away, [], {"db": Version(trouble="away")}, rows)["db"].needed
