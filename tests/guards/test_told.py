"""Who could sign is told that somebody waits."""

from __future__ import annotations

import json

import yaml

from tests.guards.conftest import Hall
from tests.notify.receivers import hook


def test_a_plan_that_waits_for_a_signature_is_told_once(hall: Hall) -> None:
    hall.policy(needs="signature")
    assert hall.apply("--yes", "--confirm", hall.phrase(), by="admin").code == 0
    hall.keep(2)
    hall.office.write()
    settings = hall.office.root / "govcloud.yaml"
    with hook() as at:
        channel = {"name": "chiefs", "webhook": at.url, "events": ["gate"]}
        settings.write_text(settings.read_text() + yaml.safe_dump({"notify": [channel]}))
        effect = hall.run("plan", "--json").json["effect"]
        for _ in range(2):
            assert hall.run("apply", "--yes").code == 4
    (post,) = at.posts
    body = json.loads(post.body)
    assert body["event"] == "gate"
    assert body["next"] == f"govcloud approve {effect[:12]}"
    assert any("28 server" in line or "28 entries" in line for line in body["words"])
