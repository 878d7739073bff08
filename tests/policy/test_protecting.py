"""The protection catalogue as it is typed, and what makes evidence count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from govcloud.model.catalogue import Catalogue
from govcloud.policy import Case
from govcloud.policy.evidence import unreviewed

Cli = Callable[..., Any]
TODAY = date(2026, 11, 1)
BASE: dict[str, Any] = {
    "regions": {"hainan": {"level": "province"}},
    "units": {"bigdata": {"region": "hainan"}},
    "persons": {"li": {"unit": "bigdata", "duty": "security_officer"}},
    "sites": {"office": {"region": "hainan", "role": "office"}},
    "zones": {
        "extranet": {"role": "extranet", "mlps": 3, "catalogued_on": "2020-01-10", "duty_person": "li"}
    },
    "applications": {
        "tax": {"status": "running", "important": True, "mlps": 3, "title": "税务系统"},
        "blog": {"status": "running"},
        "later": {"important": True},
        "keeper": {"status": "running", "mlps": 2},
    },
    "datasets": {"people": {"important": True, "application": "keeper"}},
    "recovery_plans": {
        "net": {
            "type": "emergency",
            "subjects": ["zone/extranet"],
            "document": "应急〔2020〕1号",
            "approved_on": "2020-02-01",
        },
        "draft": {"type": "emergency", "subjects": ["application/tax"], "document": "应急〔2020〕2号"},
    },
}


def test_the_catalogue_is_listed_with_what_is_lacking(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(BASE, allow_unicode=True), "utf-8")
    assert cli("ls", "--protected").out.startswith("Nothing accepted is network infrastructure")
    assert cli("apply", "--yes").code == 0
    rows = {row.pop("entry"): row for row in cli("ls", "--protected", "--json").json}
    assert list(rows) == ["zone/extranet", "application/tax", "dataset/people"]
    zone = {"title": "", "sort": "network", "grade": 3, "person": "li", "since": "2020-01-10", "plan": "net"}
    assert rows["zone/extranet"] == zone
    # A plan that nobody approved is none; data have the level of what keeps them.
    assert (rows["application/tax"]["plan"], rows["application/tax"]["sort"]) == ("", "system")
    assert (rows["dataset/people"]["grade"], rows["dataset/people"]["sort"]) == (2, "data")
    assert "3 protected, 1 of them with day, level, duty holder" in cli("ls", "--protected").out
    refused = cli("ls", "zone", "--protected")
    assert refused.code == 2 and "no KIND" in refused.err


Days = st.integers(-900, 60)


@given(
    st.lists(st.tuples(Days, st.booleans(), st.booleans(), st.none() | Days), max_size=5), st.integers(1, 800)
)
def test_a_review_counts_by_its_document_its_day_and_what_came_after(
    held: list[tuple[int, bool, bool, int | None]], most: int
) -> None:
    """One that passed, has a document, is not over and not too old, and none that failed came after it."""

    def day(offset: int) -> str:
        return (TODAY + timedelta(offset)).isoformat()

    reviews = {
        ("review", f"r{n}"): {
            "type": "mlps_test",
            "subject": "application/a",
            "date": day(at),
            "passed": passed,
            "document": "测评" if written else "",
            **({"valid_until": day(end)} if end is not None else {}),
        }
        for n, (at, passed, written, end) in enumerate(held)
    }
    case = Case(Catalogue.of(reviews), TODAY)
    failed = max((at for at, passed, _, _ in held if at <= 0 and not passed), default=-10_000)
    good = [at for at, p, w, end in held if at <= 0 and p and w and (end is None or end >= 0) and at > failed]
    assert (unreviewed(case, "mlps_test", ["application/a"]) == "") == bool(good)
    fresh = [at for at in good if -at <= most]
    assert (unreviewed(case, "mlps_test", ["application/a"], most) == "") == bool(fresh)
    assert unreviewed(case, "cryptography", ["application/a"]) == "there is no review of type cryptography"
