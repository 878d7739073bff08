"""A plan as people and programs read it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.plan import explain, stages
from govcloud.plan.stages import (
    Base,
    EntryChange,
    FieldChange,
    Plan,
    Play,
    Probe,
    Record,
    ResourceChange,
    Stack,
    Stage,
)


def stack(*changes: ResourceChange, **more: Any) -> Stack:
    fields: dict[str, Any] = {
        "id": "stack:network-1",
        "title": "build network-1",
        "phase": "expand",
        "needs": ("record",),
        "stack": "network-1",
        "domain": "network",
        "program": "p",
        "resources": (),
        "changes": changes,
    }
    return Stack(**fields | more)


def plan(*parts: Stage) -> Plan:
    return Plan(environment="tiny", title="t", stages=parts, effect="e" * 32, base=Base({}, {}))


RENAMED = EntryChange(
    "update",
    "u1",
    "node",
    "gate",
    changes=(FieldChange("role", "core", "border"), FieldChange("title", None, "门")),
    was="r1",
)
WHOLE = plan(
    Record(
        id="record",
        title="record 2",
        phase="expand",
        changes=(EntryChange("create", "u2", "node", "r2"), RENAMED),
    ),
    stack(
        ResourceChange("create", "Node", "u2", "node/r2"),
        ResourceChange("update", "Node", "u1", "node/gate", (FieldChange("role", "core", "border"),)),
        ResourceChange("replace", "Link", "u3", "link/x"),
        ResourceChange("heal", "Link", "u4", "link/y", (FieldChange("delay_ms", 9, 0),)),
        refresh=True,
    ),
    Play(
        id="play",
        title="configure",
        phase="expand",
        playbook="p",
        routing="static",
        inputs={f"h{i:02}": "d" for i in range(30)},
    ),
    Probe(
        id="probe",
        title="measure",
        phase="expand",
        patience_s=1,
        probes=(
            {"source": "a", "target": "b"},
            {"source": "a", "target": "b"},
            {"source": "a", "target": "c"},
        ),
    ),
    stack(
        ResourceChange("delete", "Node", "u9", "node/old"),
        ResourceChange("delete", "Node", "u8", "node/lost", object="u8.1", target="shelf"),
        id="contract:network-1",
        phase="contract",
    ),
)


def text(one: Plan, **options: Any) -> str:
    return "\n".join(words for _, words in explain.lines(one, **options))


def test_signs_fields_and_former_names() -> None:
    said = text(WHOLE)
    for words in (
        "+ node/r2",
        "~ node/gate (was r1)",
        "role: core → border",
        "title: (not said) → 门",
        "± link/x",
        "! link/y",
        "delay_ms: 9 → 0",
        "- node/old",
        "reads what is really there first",
        "object u8.1",
        "after record",
        f"effect {'e' * 32}",
    ):
        assert words in said


def test_every_line_has_a_style_that_the_terminal_knows() -> None:
    from rich.style import Style

    for style, _ in explain.lines(WHOLE):
        Style.parse(style)


def test_the_summary_counts_and_the_sentence_says_it() -> None:
    counts = {"entries": 2, "create": 1, "update": 1, "replace": 1, "heal": 1, "hosts": 30, "probes": 3}
    assert explain.summary(WHOLE) == counts | {"delete": 2}
    said = explain.sentence(WHOLE)
    for number, word in ((2, "entries"), (30, "hosts"), (3, "probes")):
        assert f"{number} {word}" in said
    assert explain.sentence(plan()).startswith("Nothing to do")
    assert "Nothing to do" in text(plan())
    assert explain.document(plan())["changes"] == 0


def test_long_lists_are_told_by_their_counts_unless_all_is_asked_for() -> None:
    many = plan(stack(*(ResourceChange("create", "Node", f"u{i}", f"node/n{i:03}") for i in range(100))))
    assert "100 node" in text(many)
    assert "node/n050" not in text(many)
    assert "node/n050" in text(many, full=True)
    # A change with fields is told in any case.
    fields = (FieldChange("role", "core", "border"),)
    more = msgspec.structs.replace(
        many.stages[0],
        changes=(*many.stages[0].changes, ResourceChange("update", "Node", "v", "node/v", fields)),
    )
    assert "role: core → border" in text(plan(more))
    assert "and 22 more" in text(WHOLE)
    assert "h29" in text(WHOLE, full=True)


def test_markdown_holds_every_stage_and_every_change() -> None:
    said = explain.markdown(WHOLE)
    assert said.startswith("### Plan for `tiny`")
    for stage in WHOLE.stages:
        assert f"| `{stage.id}` |" in said
        assert f"<summary>{stage.id}</summary>" in said
    assert said.count("<details>") == said.count("</details>") == len(WHOLE.stages)
    assert said.count("```diff") == said.count("```") / 2
    # In a diff block a line's first character gives its colour.
    lines = said.splitlines()
    assert {"+ node/r2", "- node/old"} <= set(lines)
    assert "h29" in said


def test_the_document_is_json_with_its_documented_keys() -> None:
    document = json.loads(json.dumps(explain.document(WHOLE), ensure_ascii=False))
    assert set(document) == {
        "environment",
        "changes",
        "sentence",
        "summary",
        "effect",
        "pinned",
        "secrets",
        "ruling",
        "base",
        "stages",
    }
    assert document["changes"] == sum(explain.summary(WHOLE).values())
    common = {"id", "kind", "title", "phase", "needs", "evidence", "undo"}
    more = {
        "record": {"changes"},
        "stack": {"changes"},
        "play": {"hosts", "routing", "batches", "canaries", "stop_percent"},
        "probe": {"probes"},
    }
    for stage in document["stages"]:
        assert set(stage) == common | more[stage["kind"]]
        assert stage["undo"]
        assert stage["evidence"]


def test_a_plan_survives_its_file() -> None:
    assert stages.decode(stages.encode(WHOLE)) == WHOLE
    with pytest.raises(msgspec.ValidationError):
        stages.decode(stages.encode(WHOLE).replace(b'"version":3', b'"version":4'))
    with pytest.raises(msgspec.ValidationError):
        stages.decode(stages.encode(WHOLE).replace(b'"stage":"record"', b'"stage":"surprise"'))


def update(before: Any, after: Any) -> Plan:
    change = ResourceChange("update", "Node", "u1", "node/gate", (FieldChange("title", before, after),))
    return plan(stack(change))


FORGED = (
    "门\n\n9. record: nothing",
    "a\x1b[1A\x1b[2K",
    "\x9b2K",
    "a\rb",
    "\u202egnihton",
    "a\u2028- node/b",
    "\u2029",
    "\x07",
    "\x7f",
    "\u0085",
    "\ud800",
)


@pytest.mark.parametrize("value", FORGED, ids=ascii)
def test_no_value_steers_the_terminal_on_which_a_plan_is_approved(value: str) -> None:
    honest = list(explain.lines(update("a", "b")))
    forged = list(explain.lines(update("a", value)))
    assert len(forged) == len(honest)
    # Also within lists and mappings, which are written as JSON.
    forged += list(explain.lines(update([value.replace("\ud800", "\u061c")], {"k": "\u2066\x9b"})))
    assert all(words.isprintable() for _, words in forged)
    assert len(explain.markdown(update("a", value)).splitlines()) == len(
        explain.markdown(update("a", "b")).splitlines()
    )


def test_what_is_written_out_can_be_told() -> None:
    assert explain.value_text("门\n\x1b[2K\u202e") == "门\\n\\x1b[2K\\u202e"
    # What only looks unusual stays: a wide blank, a letter newer than Python, one of private use.
    for letter in ("\u3000", "\xa0", "\U0002ebf0", "\ue000", "é"):
        assert explain.value_text(letter) == letter


@given(st.text(alphabet=st.one_of(st.sampled_from("`~<>|/\n detailsdiff"), st.characters()), max_size=60))
def test_no_value_leaves_the_fence_of_the_markdown(value: str) -> None:
    said = explain.markdown(update("a", value)).split("\n")
    (start,) = [n for n, line in enumerate(said) if line.endswith("`diff")]
    ends = said[start].removesuffix("diff")
    body = said[start + 1 :]
    # The first line that would close the fence is the one that was written to do so.
    closing = next(n for n, line in enumerate(body) if line.strip() and set(line.strip()) == {"`"})
    assert body[closing] == ends
    assert body[closing + 1 :] == ["</details>", "", f"Effect `{'e' * 32}`", ""]
    assert all(ends not in line for line in body[:closing])


def test_a_pin_and_a_title_stay_in_their_place_of_the_markdown() -> None:
    one = msgspec.structs.replace(
        plan(stack(title="build | </details>\n# gone")), pinned={"node/gate": "file:<b>\n# x"}
    )
    said = explain.markdown(one)
    assert r"build \| &lt;/details&gt;\n# gone" in said
    assert "file:&lt;b&gt;\\n# x" in said
