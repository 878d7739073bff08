"""The generator: as many entries as asked for, all of them sound, the same bytes from the same seed."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import rustworkx as rx
from conftest import GOVCLOUD, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud import share
from govcloud.errors import ConflictError, GovcloudError, InputError
from govcloud.generate import Made, default_entries, distributions, least_entries, make
from govcloud.generate.amounts import MOST_ENTRIES, divide, fixed_entries, totals
from govcloud.generate.sharing import share_out
from govcloud.source import load
from govcloud.workspace import open_workspace

Cli = Callable[..., Result]
SPEC, DATA = distributions("liaoning")
LEAST, DEFAULT = least_entries(SPEC), default_entries(SPEC)
SHIPPED = Path(share.__file__).parent / "generate" / "liaoning.yaml"
Entries = dict[str, dict[str, dict[str, Any]]]


def workspace(root: Path) -> Path:
    """The hand-written rows of Liaoning."""
    shutil.copytree(share.samples()["liaoning"].folder, root, ignore=shutil.ignore_patterns(".govcloud"))
    return root


def write(folder: Path, seed: int = 1, entries: int = LEAST, **options: Any) -> Made:
    return make(SPEC, DATA, folder, seed=seed, entries=entries, **options)


def read(root: Path) -> Entries:
    """What the generated files of a workspace say, by kind and name; raises where anything is wrong."""
    out: Entries = defaultdict(dict)
    for claim in load(open_workspace(str(root))).claims:
        if claim.claimant.removeprefix("file:").startswith("mass/"):
            out[claim.kind][claim.name] = dict(claim.fields)
    return out


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def mass(tmp_path_factory: pytest.TempPathFactory) -> Entries:
    """The mass at the size that the distributions state."""
    root = workspace(tmp_path_factory.mktemp("mass") / "ln")
    made = write(root / "mass", entries=DEFAULT)
    entries = read(root)
    assert made.kinds == {kind: len(table) for kind, table in sorted(entries.items())}
    return entries


# -- the document's figures ---------------------------------------------------------------------------


def test_counts_are_those_of_the_document(mass: Entries) -> None:
    """004:L9, L10 and L12, as far as they are counts."""
    assert {kind: len(mass[kind]) for kind in ("room", "server", "application", "project")} == {
        "room": 500,
        "server": 10_000,
        "application": 2_000,
        "project": 95,
    }
    assert sum(room["area_m2"] for room in mass["room"].values()) == 23_000
    assert sum(storage["capacity_tb"] for storage in mass["storage"].values()) == 6_300
    assert sum(unit["level"] == "province" for unit in mass["unit"].values()) == 53


def test_the_five_finished_centres_have_their_part(mass: Entries) -> None:
    finished = {f"{city}-dc" for city in ("dalian", "anshan", "benxi", "yingkou", "fuxin")}
    rooms = {name: room for name, room in mass["room"].items() if room["site"] in finished}
    assert {room["site"] for room in rooms.values()} == finished
    assert sum(room["area_m2"] for room in rooms.values()) == 2_410
    racks = {name for name, rack in mass["rack"].items() if rack["room"] in rooms}
    assert sum(server["rack"] in racks for server in mass["server"].values()) == 228
    hosted = [a for a in mass["application"].values() if a.get("cloud")]
    assert len(hosted) == 313
    assert {cloud["site"] for cloud in mass["cloud"].values()} == finished
    # Their units are the guests.
    assert {a["unit"] for a in hosted} == {project["unit"] for project in mass["project"].values()}


def test_every_entry_says_that_it_is_invented_and_by_which_seed(mass: Entries) -> None:
    said = {(e["invented"], e["source"]) for table in mass.values() for e in table.values()}
    assert said == {(True, "generated seed=1")}


def test_fourteen_cities_and_the_province(mass: Entries) -> None:
    assert len({unit["region"] for unit in mass["unit"].values()}) == 15


def test_few_hubs_and_many_leaves(mass: Entries) -> None:
    needed = Counter(d["needs"] for d in mass["dependency"].values())
    assert sum(needed.values()) == len(mass["dependency"]) == 3_200
    assert set(SPEC.joins.hubs) <= set(needed)
    top = needed.most_common(10)
    assert top[0][0] == SPEC.joins.hubs[0]
    assert sum(count for _, count in top) > 3_200 / 4
    leaves = sum(name not in needed for name in mass["application"])
    assert leaves > len(mass["application"]) / 2
    needs = Counter(d["application"] for d in mass["dependency"].values())
    assert 4 < max(needs.values()) <= SPEC.laws.dependencies.most


def test_shares_are_drawn_as_stated(mass: Entries) -> None:
    """Within six standard deviations of what the file says."""
    for field, law in (("mlps", SPEC.laws.application_mlps), ("status", SPEC.laws.application_status)):
        drawn = Counter(str(a.get(field, "none")) for a in mass["application"].values())
        for value, weight in law.of.items():
            p = weight / sum(law.of.values())
            assert abs(drawn[value] - 2000 * p) <= 6 * (2000 * p * (1 - p)) ** 0.5, (field, value)


def test_machines_have_places_of_their_own(mass: Entries) -> None:
    taken = Counter((s["rack"], s["position"]) for s in mass["server"].values())
    assert max(taken.values()) == 1
    assert all(1 <= position <= 41 for _, position in taken)


# -- any seed, any size -------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(-5, 2**70), entries=st.integers(LEAST, 1_600))
def test_any_seed_and_size_is_sound(seed: int, entries: int) -> None:
    with TemporaryDirectory() as folder:
        root = workspace(Path(folder) / "ln")
        made = write(root / "mass", seed, entries)
        mass = read(root)  # the program's own checks: types, references, addresses, names
    assert made.entries == entries == sum(map(len, mass.values()))
    check_dependencies(mass)
    check_addresses(mass)
    for server in mass["server"].values():
        assert mass["rack"][server["rack"]]["room"] in mass["room"]


def check_dependencies(mass: Entries) -> None:
    """No application needs itself, be it by way of others, and none needs another twice."""
    pairs = Counter((d["application"], d["needs"]) for d in mass["dependency"].values())
    assert max(pairs.values(), default=1) == 1
    index: dict[str, int] = {}
    edges = [(index.setdefault(a, len(index)), index.setdefault(b, len(index))) for a, b in pairs]
    graph: rx.PyDiGraph[int, None] = rx.PyDiGraph()
    graph.add_nodes_from(range(len(index)))
    graph.add_edges_from_no_data(edges)
    assert rx.is_directed_acyclic_graph(graph)


def check_addresses(mass: Entries) -> None:
    """Each address is in its network, is no other's, and is no gateway's."""
    taken: Counter[str] = Counter()
    prefixes = {n: (ip_network(e["ipv4"]), ip_network(e["ipv6"])) for n, e in mass["network"].items()}
    for four, six in prefixes.values():
        assert four.is_private and six.subnet_of(ip_network("3fff::/20"))  # type: ignore[arg-type]
        taken.update([str(four[1]), str(six[1])])
    assert len({p for pair in prefixes.values() for p in pair}) == 2 * len(prefixes)
    for machine in [*mass["server"].values(), *mass["instance"].values()]:
        for text, prefix in zip(
            (machine["ipv4"], machine["ipv6"]), prefixes[machine["network"]], strict=True
        ):
            assert ip_address(text) in prefix
            taken[text] += 1
    for node in mass["node"].values():
        taken.update([node["loopback4"], node["loopback6"]])
    for link in mass["link"].values():
        taken.update(str(a) for p in (link["ipv4"], link["ipv6"]) for a in ip_network(p))
    assert max(taken.values()) == 1


@given(entries=st.integers(LEAST, MOST_ENTRIES))
def test_kinds_add_up_at_any_size(entries: int) -> None:
    all_ = totals(SPEC, entries)
    with_ = {"site": 3, "room": 2, "project": 3}
    assert fixed_entries(SPEC) + sum(n * with_.get(k, 1) for k, n in all_.kinds.items()) == entries


@pytest.mark.parametrize("entries", [LEAST, LEAST + 1, 5_000, DEFAULT, 100_000, MOST_ENTRIES])
def test_places_add_up_to_the_whole(entries: int) -> None:
    all_ = totals(SPEC, entries)
    places = divide(SPEC, all_, seed=7)
    assert sum(p.units for p in places) == all_.kinds["unit"]
    assert sum(p.sites for p in places) == all_.kinds["site"]
    assert sum(len(p.room_servers) for p in places) == all_.kinds["room"]
    assert sum(sum(p.room_racks) for p in places) == all_.kinds["rack"]
    assert sum(sum(p.room_servers) for p in places) == all_.kinds["server"]
    assert sum(sum(p.room_area) for p in places) == all_.area_m2
    assert sum(p.applications for p in places) == all_.kinds["application"]
    assert sum(p.dependencies for p in places) == all_.kinds["dependency"]
    assert sum(sum(p.projects) for p in places) == all_.kinds["instance"]
    assert sum(p.storage_tb for p in places) == all_.storage_tb
    assert sum(p.hosted for p in places) == all_.centre_applications


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    first, again, other, larger = (tmp_path / name for name in ("first", "again", "other", "larger"))
    write(first, seed=3, entries=900)
    write(again, seed=3, entries=900)
    write(other, seed=4, entries=900)
    write(larger, seed=3, entries=901)
    assert bytes_of(first) == bytes_of(again)
    for differs in (other, larger):
        assert bytes_of(first) != bytes_of(differs)
    # Another seed draws other figures; that its source says so is not all of the difference.
    servers = [bytes_of(f)["dalian/servers-001.csv"].replace(b"seed=4", b"seed=3") for f in (first, other)]
    assert servers[0] != servers[1]


def test_a_file_has_at_most_a_thousand_rows(tmp_path: Path) -> None:
    write(tmp_path / "m", entries=60_000)
    files = [p for p in bytes_of(tmp_path / "m").items() if p[0].endswith(".csv")]
    assert max(data.count(b"\n") - 1 for _, data in files) == 1_000
    assert sum(data.count(b"\n") - 1 for _, data in files) == 60_000
    assert {path.split("/")[0] for path, _ in files} == set(SPEC.places)


# -- dividing -----------------------------------------------------------------------------------------


@given(
    parts=st.lists(
        st.tuples(st.floats(0, 1e6), st.integers(0, 20), st.integers(0, 200)), min_size=1, max_size=40
    ),
    at=st.floats(0, 1),
)
def test_parts_are_within_bounds_and_add_up(parts: list[tuple[float, int, int]], at: float) -> None:
    weights = [weight for weight, _, _ in parts]
    least, most = [low for _, low, _ in parts], [low + more for _, low, more in parts]
    total = round(sum(least) + at * (sum(most) - sum(least)))
    got = share_out(total, weights, least, most)
    assert sum(got) == total
    assert all(a <= g <= b for a, g, b in zip(least, got, most, strict=True))
    assert got == share_out(total, weights, least, most)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30), st.integers(0, 10_000))
def test_free_parts_are_in_proportion(weights: list[int], total: int) -> None:
    for part, weight in zip(share_out(total, [float(w) for w in weights]), weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < 1 + 1e-6


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(ValueError, match="7 cannot be divided into 2 parts between 0 and 6"):
        share_out(7, [1.0, 1.0], 0, 3)
    with pytest.raises(ValueError):
        share_out(1, [1.0, 1.0], 1)
    with pytest.raises(ValueError):
        share_out(1, [])


# -- the folder ---------------------------------------------------------------------------------------


def test_what_is_there_stays_without_force(tmp_path: Path) -> None:
    write(tmp_path / "m")
    before = bytes_of(tmp_path / "m")
    with pytest.raises(InputError) as caught:
        write(tmp_path / "m", seed=2)
    assert "is not empty" in str(caught.value.problems[0])
    assert bytes_of(tmp_path / "m") == before
    write(tmp_path / "m", seed=2, force=True)
    assert bytes_of(tmp_path / "m") != before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_force_removes_what_a_smaller_mass_does_not_have(tmp_path: Path) -> None:
    write(tmp_path / "m", entries=30_000)
    write(tmp_path / "m", entries=1_000, force=True)
    write(tmp_path / "fresh", entries=1_000)
    assert bytes_of(tmp_path / "m") == bytes_of(tmp_path / "fresh")


@pytest.mark.parametrize("name", ["notes.txt", "dalian/servers-099.csv", "own/x.yaml"])
def test_force_removes_nothing_that_it_did_not_write(tmp_path: Path, name: str) -> None:
    write(tmp_path / "m")
    mine = tmp_path / "m" / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    before = bytes_of(tmp_path / "m")
    with pytest.raises(InputError) as caught:
        write(tmp_path / "m", force=True)
    assert f"{name} in " in str(caught.value.problems[0])
    assert bytes_of(tmp_path / "m") == before


def test_force_keeps_a_generated_file_that_somebody_changed(tmp_path: Path) -> None:
    write(tmp_path / "m")
    changed = tmp_path / "m" / "dalian" / "clouds-001.csv"
    changed.write_text(changed.read_text().replace("city", "department"))
    before = bytes_of(tmp_path / "m")
    with pytest.raises(ConflictError, match=r"dalian/clouds-001\.csv in .*changed since"):
        write(tmp_path / "m", force=True)
    assert bytes_of(tmp_path / "m") == before
    changed.unlink()  # what is gone is nobody's any more
    write(tmp_path / "m", force=True)


def test_a_link_among_the_files_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "m")
    link = tmp_path / "m" / "dalian" / "clouds-001.csv"
    elsewhere = tmp_path / "elsewhere.csv"
    link.rename(elsewhere)
    link.symlink_to(elsewhere)
    with pytest.raises(ConflictError, match="changed since"):
        write(tmp_path / "m", force=True)
    assert elsewhere.is_file()


@pytest.mark.parametrize("text", ["", "{}", '{"files": [1]}', "null", "\x00"])
def test_a_broken_list_of_files_stops_it(tmp_path: Path, text: str) -> None:
    write(tmp_path / "m")
    (tmp_path / "m" / ".generated.json").write_text(text)
    with pytest.raises(InputError) as caught:
        write(tmp_path / "m", force=True)
    assert "cannot be read" in str(caught.value.problems[0])


def test_an_empty_folder_is_filled_and_a_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        write(tmp_path / "file", force=True)


@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_half_way_changes_nothing(tmp_path: Path, there: bool) -> None:
    if there:
        write(tmp_path / "m")
    before = bytes_of(tmp_path)
    done = 0

    def full(count: int) -> None:
        nonlocal done
        done += count
        if done > 500:
            raise OSError(28, "No space left on device", "x.csv")

    with pytest.raises(GovcloudError, match=r"x\.csv: No space left on device; nothing was changed"):
        write(tmp_path / "m", seed=2, entries=1_000, force=True, progress=full)
    assert done > 500
    assert bytes_of(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == (["m"] if there else [])


def test_progress_counts_every_entry(tmp_path: Path) -> None:
    steps: list[int] = []
    write(tmp_path / "m", entries=4_000, progress=steps.append)
    assert sum(steps) == 4_000 and len(steps) > 100


# -- distributions ------------------------------------------------------------------------------------


@cache
def shipped_text() -> str:
    return SHIPPED.read_text(encoding="utf-8")


def altered(tmp_path: Path, before: str, after: str) -> Path:
    assert shipped_text().count(before) == 1, before
    path = tmp_path / "own.yaml"
    path.write_text(shipped_text().replace(before, after), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("    sigma: 1.1\n", "    sigma: -1.1\n", "Expected `float` >= 0"),
        ("    sigma: 1.1\n", "    sgima: 1.1\n", "unknown field `sgima`"),
        ("    why: Half-filled cabinets, about eleven servers in each.\n    invented: true\n", "", "`why`"),
        ("about eleven servers in each.\n    invented: true\n", "about\n", "say `source: DOCUMENT:LINE`"),
        ("of: {city: 35, county: 65}", "of: {city: 35, coutny: 65}", "'coutny' is no level of unit"),
        ("of: {city: 35, county: 65}", "of: {city: 0, county: 0}", "at least one weight must be above 0"),
        ('"3": 12.5', '"9": 12.5', "'9' is no mlps of application"),
        ("of: {g1-small: 30", "of: {tiny: 30", "'tiny' is not among g1-small"),
        ("networks4: 10.0.0.0/8", "networks4: 10.0.0.1/8", "has host bits set"),
        ("networks6: 3fff:211::/32", "networks6: 3fff:211::/40", "longer than /32"),
        ("short: sy,", "short: dl,", "two have the short 'dl'"),
        (", weight: 14, top: true}", ", weight: 14}", "exactly one has `top: true`"),
        ("version: 1\nsample", "version: 2\nsample", "Invalid enum value 2"),
        ("counts:\n", "counts: [\n", "expected"),
    ],
)
def test_a_faulty_file_of_distributions(tmp_path: Path, before: str, after: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        distributions("liaoning", altered(tmp_path, before, after))
    assert any(message in str(problem) for problem in caught.value.problems), caught.value.problems
    assert all("own.yaml" in problem.path for problem in caught.value.problems)


def test_counts_that_do_not_fit_together(tmp_path: Path) -> None:
    path = altered(tmp_path, "  rack:\n    count: 900", "  rack:\n    count: 501")
    spec, data = distributions("liaoning", path)
    with pytest.raises(InputError) as caught:
        make(spec, data, tmp_path / "m", seed=1, entries=default_entries(spec))
    assert "do not fit together" in str(caught.value.problems[0])
    assert not (tmp_path / "m").exists()


def test_other_distributions_make_another_mass(tmp_path: Path) -> None:
    path = altered(tmp_path, 'of: {none: 45, "1": 8, "2": 34, "3": 12.5, "4": 0.5}', 'of: {"3": 1}')
    spec, data = distributions("liaoning", path)
    root = workspace(tmp_path / "ln")
    make(spec, data, root / "mass", seed=1, entries=1_000)
    assert {a["mlps"] for a in read(root)["application"].values()} == {3}


def test_a_share_of_nought_is_never_drawn(tmp_path: Path) -> None:
    path = altered(tmp_path, "of: {city: 35, county: 65}", "of: {city: 1, county: 0}")
    spec, data = distributions("liaoning", path)
    root = workspace(tmp_path / "ln")
    make(spec, data, root / "mass", seed=1, entries=3_000)
    assert {u["level"] for u in read(root)["unit"].values()} == {"province", "city"}


# -- the command --------------------------------------------------------------------------------------


def test_the_command_in_a_workspace(cli: Cli, tmp_path: Path) -> None:
    assert cli("init", "w", "--sample", "liaoning").code == 0
    result = cli("-C", "w", "generate", "liaoning", "--entries", "600")
    assert result.code == 0, result
    assert result.out.startswith("w/mass: 600 entries in ")
    assert "next: govcloud -C w validate" in result.out
    by_hand = cli("-C", "w", "validate", "--json").json["entries"] - 600
    assert by_hand > 200
    assert cli("-C", "w", "apply", "--yes").code == 0
    assert "Nothing to do" in cli("-C", "w", "plan").out
    assert cli("-C", "w", "generate", "liaoning", "--entries", "600", "--force").code == 0
    # The same mass again is no change.
    assert cli("-C", "w", "plan", "--detailed-exitcode").code == 0


def test_json_and_a_folder_elsewhere(cli: Cli, tmp_path: Path) -> None:
    document = cli("generate", "liaoning", "--scale", "0.05", "--seed", "9", "--out", "deep/m", "--json").json
    assert set(document) == {"folder", "sample", "seed", "entries", "kinds", "files"}
    assert (document["seed"], document["entries"]) == (9, round(DEFAULT * 0.05))
    assert sum(document["kinds"].values()) == document["entries"]
    assert document["files"] == len(bytes_of(tmp_path / "deep" / "m"))
    listed = json.loads((tmp_path / "deep" / "m" / ".generated.json").read_text())
    assert (listed["seed"], listed["entries"]) == (9, document["entries"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lianing", "--out", "m"], "did you mean 'liaoning'?"),
        (["hubei", "--out", "m"], "there is: liaoning"),
        (["liaoning"], "no govcloud.yaml here"),
        (["liaoning", "--out", "m", "--entries", "5"], f"5 entries: expected {LEAST} to 1,000,000"),
        (["liaoning", "--out", "m", "--entries", "1000001"], "1,000,001 entries: expected"),
        (["liaoning", "--out", "m", "--scale", "47"], "entries: expected"),
        (["liaoning", "--out", "m", "--scale", "nan"], "--scale nan: expected"),
        (["liaoning", "--out", "m", "--scale", "-1"], "--scale -1: expected"),
        (["liaoning", "--out", "m", "--scale", "1", "--entries", "900"], "take one"),
        (["liaoning", "--out", "m", "--distributions", "no.yaml"], "no.yaml: No such file"),
        (["liaoning", "--out", "/dev/null"], "is no folder"),
    ],
)
def test_wrong_arguments(cli: Cli, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = cli("generate", *arguments)
    assert result.code == 2, result
    assert message in result.err
    assert not (tmp_path / "m").exists()


def on_a_terminal(command: list[str], where: Path) -> str:
    """What a command writes where both its outputs are a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=where, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        out = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux: nobody has the other end any more
                break
            if not part:
                break
            out += part
        assert process.wait(60) == 0, out
    os.close(ours)
    return out.decode()


def test_a_bar_on_a_terminal_where_it_takes_long(tmp_path: Path) -> None:
    command = [str(GOVCLOUD), "generate", "liaoning", "--out", "m", "--entries"]
    assert "writing entries" in on_a_terminal([*command, "60000"], tmp_path)
    root = workspace(tmp_path / "ln")
    (tmp_path / "m").rename(root / "mass")
    shown = on_a_terminal([str(GOVCLOUD), "-C", "ln", "validate"], tmp_path)
    assert "checking entries" in shown
    assert "writing entries" not in on_a_terminal([*command, "300", "--json"], tmp_path)


def test_the_current_folder_is_not_replaced(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "m" / "below").mkdir(parents=True)
    for out in (".", ".."):
        result = cli("generate", "liaoning", "--out", out, cwd=tmp_path / "m" / "below")
        assert result.code == 2
        assert "the current folder is in it" in result.err
