"""What a failure's words are taken for: by what they say, not by what somebody called a thing."""

from __future__ import annotations

from typing import Any

import pytest

from govcloud.run.advice import advise, next_step


def hint(words: str, *names: str) -> str:
    """The hint for a stage that failed with these words and has not done these."""
    return str(advise({"error": words, "not_done": list(names)}).get("hint", ""))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("instance/quota-db: the flavor is not known there", ["instance/quota-db"]),
        ("quota/p-quota: a project may have one only", ["quota/p-quota"]),
        ("link/timeout-a: both ends are the same node", ["link/timeout-a"]),
        ("link/timeout-a.b: node/401 is a bridge", []),
        ("a1b2401c3d4e5f60.1 is a Node already", []),
        ("it stands on 0123456789401abc.12, which is of another type", []),
        ("Link quota-a cannot end at timeout-401", ["link/quota-a", "node/timeout-401"]),
        ("1 failed\nquota-db: No such file or directory", ["quota-db"]),
        ("1 failed\ntimeout: No such file or directory", ["timeout"]),
        ("vlan 401 is taken", []),
    ],
)
def test_a_name_is_no_symptom(words: str, names: list[str]) -> None:
    assert hint(words, *names) == ""


@pytest.mark.parametrize(
    ("words", "names", "told"),
    [
        (
            "instance/quota: the quota of 2 objects is used up: 2 are there",
            ["instance/quota"],
            "raise its quota",
        ),
        ("link/quota-a: timed out after 30 s", ["link/quota-a"], "it took too long"),
        ("instance/vm: Quota exceeded for instances", ["instance/vm"], "raise its quota"),
        ("node/timeout-a: TimeoutError: no answer", ["node/timeout-a"], "it took too long"),
        ("instance/quota-db: HTTP 401 from the target", ["instance/quota-db"], "credentials"),
        ("status code: 401, request id 7", [], "credentials"),
        ("1 failed\nquota-db: 'mtu' is undefined", ["quota-db"], "a template of the playbooks"),
        ("stacks/network.py:2: ValueError: no such line card", ["node/r1"], "mend stacks/network.py"),
        ("link/a-quota: its node, node quota-b, is not there", ["link/a-quota"], "removed by hand"),
    ],
)
def test_a_symptom_is_known_beside_names(words: str, names: list[str], told: str) -> None:
    assert told in hint(words, *names)


def test_the_words_keep_their_names() -> None:
    """Only the search goes without them."""
    detail: dict[str, Any] = {"error": "instance/quota-db: timed out", "not_done": ["instance/quota-db"]}
    assert advise(detail)["error"] == "instance/quota-db: timed out"
    assert next_step("R", [advise(detail)]) == "govcloud runs resume R"
