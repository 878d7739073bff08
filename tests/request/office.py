"""A province with a bureau that asks: a project with a quota, and people; and how forms are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.store_province import Province, province

# Whoever runs the tests is the bureau's informatics officer.
ME, OTHER = "li", "wang"


def office(root: Path, *, builds: bool = False, needs: str = "none", **settings: Any) -> Province:
    """The province, not written yet. ``builds``: with the target `shelf`, whose objects are rows of a file;
    otherwise an apply only records. ``needs``: which plans want signatures."""
    made = province(root, nodes=1, **settings).edge()
    made.tables["instances"] = {}
    made.tables["servers"] = {}
    made.tables |= {
        "units": {"bureau": {"region": "here"}, "other": {"region": "here"}},
        "persons": {
            ME: {"unit": "bureau", "duty": "information_officer", "title": "李"},
            OTHER: {"unit": "other", "duty": "information_officer", "title": "王"},
        },
        "quotas": {"p": {"project": "p", "instances": 3, "vcpus": 4, "disk_gib": 100}},
        "profiles": {"approvals": {"values": {"needs": needs}}},
    }
    if not builds:
        for table in made.tables.values():
            for fields in table.values():
                fields.pop("target", None)
    return made


def machine(name: str, **fields: Any) -> dict[str, Any]:
    """One machine of the bureau's project, as a form has it."""
    common = {"project": "p", "flavor": "small", "image": "linux", "network": "app"}
    return {"instances": {name: common | fields}}


def form(place: Province, name: str, entries: dict[str, Any] | None = None, **fields: Any) -> Path:
    """A form in the folder of requests, by default for one machine."""
    whole = {
        "name": name,
        "unit": "bureau",
        "applicant": ME,
        "title": "健康网站",
        "reason": "for tests",
        "entries": machine(f"{name}-1") if entries is None else entries,
    }
    file = place.root / "requests" / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(whole | fields, allow_unicode=True, sort_keys=False))
    return file
