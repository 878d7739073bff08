"""A site's own rules: what an expression sees, what is refused and where, and that they stand at the gate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from govcloud.model import KINDS, fields
from govcloud.model.catalogue import Catalogue
from govcloud.policy import Case
from govcloud.policy.expressions import asked, found_by, own
from govcloud.source.expressions import BadExpression, read, sentence
from tests.policy.samples import AS_OF, case
from tests.policy.test_check import BASE, line_of, workspace

Cli = Callable[..., Any]
NAMED: dict[str, Any] = {
    "each": "node",
    "when": "entry.role != 'core'",
    "holds": "entry.name.startsWith(region.name)",
    "message": "{entry.name} stands in {region.name} and is not called after it",
    "cure": "call it {entry.region}-…",
    "verdict": "deny",
    "source": "网络命名规范 3.2",
    "field": "region",
}
PEOPLE = {
    "units": {"office": {"region": "hainan"}},
    "persons": {"wu": {"unit": "office", "duty": "principal"}},
}
GATEWAY = {"local-gateway": NAMED}
STRAY = {"lost": {**BASE["nodes"]["boao"], "loopback4": "192.0.2.9", "loopback6": "2001:db8::9"}}


def found(rule: dict[str, Any], *keys: str, sample: str = "hainan", **laid: Any) -> list[tuple[str, str]]:
    """(subject, sentence) of what a rule finds among entries of a sample."""
    changes = {key.replace("__", "/"): said for key, said in laid.items()}
    whole = {"message": "{entry.name}", "cure": "x", **rule}
    here = case(sample, keys, changes, {"rule/local-x": whole})
    return [(f.subject, f.message) for f in found_by(asked(here.catalogue, ["local-x"]), here)]


def test_an_expression_sees_the_entry_and_what_it_names() -> None:
    rule = {
        "each": "node",
        "holds": "zone.role == 'extranet' && region.level in ['province', 'city'] && region.parent != ''",
        "message": "{entry.name} of {region.level} in {zone.role}",
    }
    told = dict(found(rule, "node/core-1", "node/haikou", "node/haiyun"))
    assert told == {"node/haiyun": "haiyun of town in extranet"}


def test_what_is_not_named_is_blank_and_lists_are_walked() -> None:
    keys = ("application/haiyiban", "zone/*")
    rule = {"each": "application", "holds": "zones.all(z, z.role != 'intranet')"}
    laid: dict[str, Any] = {"zones": ["extranet", "internet"]}
    assert found(rule, *keys, application__haiyiban=laid) == []
    laid = {"zones": ["extranet", "intranet"]}
    assert found(rule, *keys, application__haiyiban=laid) == [("application/haiyiban", "haiyiban")]
    nobody = {"each": "application", "holds": "unit.name == '' && unit.title == '' && size(zones) == 0"}
    assert found(nobody, "application/haiyiban", application__haiyiban={"unit": "", "zones": []}) == []
    assert found(nobody, "application/haiyiban", "unit/*", application__haiyiban={"unit": "bigdata"}) != []


def test_evidence_counts_as_for_the_rules_that_ship() -> None:
    rule = {
        "each": "application",
        "holds": "evidence.secrecy != '' && timestamp(today + 'T00:00:00Z') - "
        "timestamp(evidence.secrecy + 'T00:00:00Z') <= duration('8760h')",
    }
    review = {"type": "secrecy", "subject": "application/haiyiban", "date": "2026-01-10", "passed": True}
    keys = ("application/haiyiban",)
    wrong = [("application/haiyiban", "haiyiban")]
    assert found(rule, *keys) == wrong
    assert found(rule, *keys, review__r=review) == wrong, "a review without a document is none"
    assert found(rule, *keys, review__r={**review, "document": "d"}) == []
    assert found(rule, *keys, review__r={**review, "document": "d", "date": "2025-01-10"}) == wrong
    assert found(rule, *keys, review__r={**review, "document": "d", "passed": False}) == wrong
    looked = {"each": "application", "holds": "inspected.yearly == '2026-03-01'"}
    yearly = {"type": "yearly", "subject": "application/haiyiban", "date": "2026-03-01"}
    assert found(looked, *keys, inspection__i=yearly) == []


def test_several_rules_judge_one_kind_and_say_what_they_read() -> None:
    second = {
        **NAMED,
        "holds": "entry.vendor != ''",
        "when": "",
        "message": "{entry.name} is by nobody",
        "cure": "c",
    }
    entries = {("rule", f"local-{n}"): one for n, one in enumerate((NAMED, second))}
    entries |= {
        ("region", "r"): {"level": "city"},
        ("node", "r1"): {"region": "r", "zone": "z", "role": "access"},
    }
    catalogue = Catalogue.of(entries)
    first, other = own(catalogue).values()
    assert first.reads == ("node.region", "node.role") and other.reads == ("node.vendor",)
    assert (first.verdict, first.strength, first.source) == ("deny", "site", "网络命名规范 3.2")
    told = found_by([first, other], Case(catalogue, AS_OF))
    assert [(f.rule, f.subject, f.message) for f in told] == [("local-1", "node/r1", "r1 is by nobody")]


BAD = [
    ("entry.vcpu <= 1", "'vcpu'"),
    ("entry.name <", "cannot be read at character"),
    ("entry.name < 3", "No such overload"),
    ("entry.name", "expected true or false"),
    ("entry", "say which field of entry"),
    ("entry['name'] == ''", "say which field of entry"),
    ("(entry).nme == ''", "say which field of entry"),
    ("region.nme == ''", "'nme'"),
    ("__import__('os') == 1", "Undefined variable or function"),
    ("open('/etc/passwd') == ''", "Undefined variable or function"),
    ("os.system('x') == 0", "nothing is called 'os'"),
    ("entry.__class__ == ''", "'__class__'"),
    ("evidence.secret == ''", "no review is of type 'secret'"),
    ("evidence == {}", "say which type of evidence"),
    ("[1].all(entry, true)", "means something already"),
    ("[1].all(a, [1].all(b, [1].all(c, true)))", "walks over 3 lists"),
    ("[1].map(a, [1].map(b, b)) == []", "more than one list"),
    ("entry.name.matches('(')", "regex"),
    # No comment, line break or other name hides a walk, and none makes work of a literal.
    ("[1]. //\nall(a, [1].all //\n(b, [1]. //x\nall(c, true)))", "walks over 3 lists"),
    ("[1].existsOne(a, [1].existsOne(b, [1].existsOne(c, true)))", "walks over 3 lists"),
    (f"{[1] * 150}.all(a, {[1] * 150}.all(b, a == b))".replace(" ", ""), "too much to walk over"),
    (f"{[1] * 120}.map(a, {[1] * 120}).all(b, b == b)".replace(" ", ""), "too much to walk over"),
    ("[1].filter(a, true).map(b, b) == []", "more than one list"),
    ("[''].all(a, a.matches('x'))", "`matches` in a walk"),
    ("entry.name.matches('x')" + " || entry.name.matches('x')" * 4, "`matches` 5 times"),
    ("true" + " && true" * 200, "characters, of at most"),
    ("(" * 400 + "true" + ")" * 400, "cannot be read"),
    ("", "cannot be read"),
    ("\x00", "cannot be read"),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=[text[:20] or "nothing" for text, _ in BAD])
def test_what_cannot_be_meant_is_told(text: str, words: str) -> None:
    with pytest.raises(BadExpression) as told:
        read(text, "node")
    assert words in str(told.value) and "Traceback" not in str(told.value)


@pytest.mark.parametrize(
    "text", ["{entry.nme}", "{entry}", "{os.path}", "{", "{entry.name", "{entry.name!r}", "{{x}}"]
)
def test_a_sentence_has_only_blanks_that_there_are(text: str) -> None:
    with pytest.raises(BadExpression):
        sentence(text, "node")


@given(st.text(max_size=60))
def test_no_text_makes_more_of_an_expression_than_a_complaint(text: str) -> None:
    for kind in ("node", "application"):
        try:
            assert read(text, kind).text == text
        except BadExpression as error:
            assert str(error)


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_every_field_of_every_kind_can_be_asked_for(kind: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(fields(kind))))
    expression = read(f"has(entry.{field}) || entry.{field} == entry.{field}", kind)
    assert expression.uses == {"entry": frozenset({field})}


@given(st.text(max_size=40))
def test_what_an_entry_says_stays_a_value(text: str) -> None:
    filled = sentence("<{entry.title}>", "node").filled({"entry": {"name": "x", "title": text}})
    assert filled == f"<{text}>"


def test_an_entry_on_which_nobody_can_decide_is_told_and_stops_nothing() -> None:
    rule = {"each": "node", "holds": "int(entry.title) > 0", "verdict": "deny"}
    numbers: dict[str, Any] = {"node__core-1": {"title": "7"}, "node__core-2": {"title": "七"}}
    told = found(rule, "node/core-1", "node/core-2", **numbers)
    ((subject, words),) = told
    assert subject == "node/core-2" and words.startswith("the rule cannot be decided here: ")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["x"] * 1001, "a list of 1001 items, of at most 1000"),
        (["x" * 40000, "y" * 40000], "a text of 80000 characters, of at most 65536"),
        (["x"] * 1000, "too much to walk over"),
        (["x"] * 100, ""),
    ],
    ids=["many", "long", "deep", "most"],
)
def test_what_an_entry_says_makes_no_rule_slow(said: list[str], words: str) -> None:
    rule = {"each": "node", "holds": "entry.aliases.all(a, entry.aliases.all(b, a == b))"}
    told = found(rule, "node/core-1", **{"node__core-1": {"aliases": said}})
    assert told == ([("node/core-1", f"the rule cannot be decided here: {words}")] if words else [])


def test_faults_are_told_with_their_place_at_every_door(cli: Cli, tmp_path: Path) -> None:
    wrong = {
        "local-one": {**NAMED, "holds": "entry.rol == 'core'"},
        "local-two": {**NAMED, "when": "entry.role =", "message": "{entry.nam}"},
        "named": {**NAMED, "each": "nod"},
    }
    root = workspace(tmp_path / "w", rules=wrong)
    told = [
        (line_of(root, "holds: entry.rol "), "`holds`: `entry` is a node, which has no field 'rol'"),
        (line_of(root, "when: entry.role ="), "`when`: cannot be read at character"),
        (line_of(root, "entry.nam}"), "`message`: `entry` is a node, which has no field 'nam'"),
        (line_of(root, "  named:"), "a site's own rule is called local-…"),
        (line_of(root, "each: nod", 2), "`each`: no kind is called 'nod'"),
    ]
    for command in ("validate", "plan", "check"):
        done = cli(command, cwd=root)
        assert done.code == 2, done
        for number, words in told:
            lines = done.err.splitlines()
            assert any(f"net.yaml:{number}:" in line and words in line for line in lines), (words, done)


def test_a_rule_of_the_site_is_checked_stands_at_the_gate_and_may_be_waived(cli: Cli, tmp_path: Path) -> None:
    root = workspace(tmp_path / "w", rules=GATEWAY)
    assert cli("apply", "--yes", cwd=root).code == 0
    (root / "more.yaml").write_text(yaml.safe_dump({"nodes": STRAY}), "utf-8")
    done = cli("check", "--rule", "local-gateway", "--json", cwd=root)
    (finding,) = done.json["findings"]
    assert done.code == 4
    assert (finding["entry"], finding["field"], finding["path"]) == ("node/lost", "region", "more.yaml")
    assert finding["message"] == "lost stands in boao and is not called after it"
    assert finding["cure"] == "call it boao-…"
    refused = cli("apply", "--yes", cwd=root)
    assert refused.code == 4 and "local-gateway denies node/lost" in refused.err
    # Who takes the rule away in the same plan does not pass by that: it counts as it was accepted.
    text = (root / "net.yaml").read_text(encoding="utf-8")
    without = workspace(root)
    again = cli("apply", "--yes", cwd=without)
    assert again.code == 4 and "local-gateway denies node/lost" in again.err
    (root / "net.yaml").write_text(text, encoding="utf-8")
    # One that may be departed from is waived as others are, by a waiver that was accepted before.
    easy = {"local-gateway": {**NAMED, "waivable": True}}
    waiver = {
        "rule": "local-gateway",
        "subjects": ["node/lost"],
        "reason": "named by its maker",
        "granted_by": "wu",
        "ends_on": "2100-12-31",
    }
    root = workspace(root, rules=easy, waivers={"lost": waiver}, **PEOPLE)
    waived = cli("check", "--rule", "local-gateway", cwd=root)
    assert waived.code == 0
    assert "waiver/lost: named by its maker; granted by wu until 2100-12-31" in waived.out


def test_examples_of_a_rule_of_the_site_are_run_and_told_with_their_place(cli: Cli, tmp_path: Path) -> None:
    examples = {
        "entries": ["node/boao"],
        "passes": [{}, {"add": {"node/boao-2": STRAY["lost"]}}],
        "fails": [
            {"add": {"node/lost": STRAY["lost"]}, "about": "node/lost region", "says": "stands in boao"},
            {"set": {"node/boao": {"role": "core"}}, "about": "node/boao"},
        ],
    }
    root = workspace(tmp_path / "w", rules={"local-gateway": {**NAMED, "examples": examples}})
    done = cli("check", "--self-test", "--rule", "local-gateway", "--json", cwd=root)
    assert done.code == 1
    (failed,) = done.json["failed"]
    assert (failed["rule"], failed["expected"], failed["path"]) == ("local-gateway", "fails", "net.yaml")
    # The last of them, where it begins.
    assert failed["line"] == line_of(root, "about: node/boao") - 3
    assert failed["found"] == "expected deny about node/boao, found nothing"
    assert done.json["examples"] == 4
    text = cli("check", "--self-test", "--rule", "local-gateway", cwd=root)
    assert text.code == 1 and f"net.yaml:{failed['line']}" in text.out
    assert "4 examples of 1 rule: 1 do not hold" in text.out


MISWRITTEN = [
    ({"passes": [{"sets": {}}]}, "no setting is called 'sets' (did you mean 'set'?)"),
    ({"fails": [{}]}, "Object missing required field `about`"),
    ({"entries": ["node/nowhere"], "passes": [{}]}, "'node/nowhere' fits no entry of this ledger"),
    ({"passes": [{"set": {"node/boao": {}}}]}, "'node/boao' is not among the entries"),
    ({"passes": [{"add": {"node/x": {"rol": "core"}}}]}, "node has no field 'rol' (did you mean 'role'?)"),
    ({"passes": [{"add": {"nod/x": {}}}]}, "no kind is called 'nod'"),
    ({"passes": [{"as_of": "soon"}]}, "'soon' is no day of the calendar"),
    ({"sample": "atlantis", "passes": [{}]}, "examples of a site's own rule are made of its own entries"),
]


@pytest.mark.parametrize(("examples", "words"), MISWRITTEN, ids=[words[:24] for _, words in MISWRITTEN])
def test_examples_that_are_wrong_in_themselves(
    cli: Cli, tmp_path: Path, examples: dict[str, Any], words: str
) -> None:
    root = workspace(tmp_path / "w", rules={"local-gateway": {**NAMED, "examples": examples}})
    done = cli("check", "--self-test", "--rule", "local-gateway", cwd=root)
    assert done.code in (1, 2)
    told = done.out + done.err
    assert words in told and "net.yaml:" in told, done
