"""Limits on what is built: objects that are deleted or made anew, by an engine, and a run that is resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govcloud.access import Identity
from govcloud.errors import DeniedError
from govcloud.ledger import clearances, entries, open_ledger
from govcloud.plan.gather import propose
from govcloud.plan.guards import NO_LEAVE, Leave, admit
from govcloud.plan.stages import EntryChange
from govcloud.workspace import open_workspace
from tests.access.office import ssh_key, token_digest
from tests.conftest import GOVCLOUD
from tests.store_province import Province, province

Cli = Callable[..., Any]
NODES = 8
# Both work in one account, and are told apart by their tokens.
BUILDER, CHIEF = ({"GOVCLOUD_TOKEN": f"{name}-secret"} for name in ("builder", "chief"))
# Seven links and seven nodes go, of fifteen objects.
PHRASE = "destroy 14 objects and 14 entries in tiny"


@pytest.fixture
def chain(tmp_path: Path, cli: Cli) -> Province:
    """Eight routers in a chain are built; somebody may sign."""
    place = province(tmp_path / "place", nodes=NODES)
    key = ssh_key(tmp_path, "chief")
    place.tables |= {
        "units": {"bureau": {"region": "here"}},
        "persons": {
            name: {
                "unit": "bureau",
                "duty": "staff",
                "ssh_keys": [key] if name == "chief" else [],
                "token_digest": token_digest(f"{name}-secret"),
            }
            for name in ("builder", "chief")
        },
    }
    done = cli("apply", "--yes", cwd=place.write().root)
    assert done.code == 0, done
    return place


def cut(place: Province) -> None:
    """All but the first router go from the files."""
    place.tables["nodes"] = {"r1": place.tables["nodes"]["r1"]}
    place.tables["links"] = {}
    place.write()


def sign(place: Province, cli: Cli, target: str = "") -> str:
    """The chief signs the plan of now, or a run's; gives the signature's id."""
    effect = target or cli("plan", "--json", cwd=place.root).json["effect"]
    key = place.root.parent / "chief"
    done = cli("approve", effect, "--key", key, "--yes", "--json", cwd=place.root, env=CHIEF)
    assert done.code == 0, done
    id: str = done.json["id"]
    return id


def test_destroy_and_apply_want_their_words(chain: Province, cli: Cli) -> None:
    before = chain.objects()
    refused = cli("destroy", "--yes", cwd=chain.root)
    assert refused.code == 4, refused
    assert '--confirm "destroy everything in tiny"' in refused.err
    cut(chain)
    refused = cli("apply", "--yes", cwd=chain.root)
    assert refused.code == 4, refused
    assert "14 objects go or are made anew, 93 % of 15, more than 20 %" in refused.err
    assert chain.objects() == before
    done = cli("apply", "--confirm", PHRASE, cwd=chain.root)
    assert done.code == 0, done
    assert set(chain.objects()) == {"Node/r1"}


def test_destroy_wants_its_words_also_of_a_little(tmp_path: Path, cli: Cli) -> None:
    """Three objects are below every number, and they are all that there is."""
    place = province(tmp_path / "place", nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()
    refused = cli("destroy", "--yes", cwd=place.root)
    assert refused.code == 4, refused
    assert "everything that is built is taken down" in refused.err
    assert '--confirm "destroy everything in tiny"' in refused.err
    assert place.objects() == before
    assert cli("destroy", "--confirm", "destroy everything in tiny", cwd=place.root).code == 0
    assert place.objects() == {}


def test_what_is_made_anew_goes(chain: Province, cli: Cli) -> None:
    """A field that cannot be changed: no entry is withdrawn, and every object is lost."""
    chain.tables["targets"]["other"] = {"driver": "store", "path": "other.db"}
    for node in chain.tables["nodes"].values():
        node["target"] = "other"
    chain.write()
    guards = cli("plan", "--json", cwd=chain.root).json["guards"]
    assert [b["limit"] for b in guards["beyond"]] == ["objects_percent"]
    assert guards["phrase"] == "destroy 15 objects in tiny"


def test_what_is_let_go_of_goes_as_well(chain: Province, cli: Cli) -> None:
    """`forget` of one object is nothing much; of most of what there is it wants its words."""
    before = chain.objects()
    links = [f"link/r{n}-r{n + 1}" for n in range(1, NODES)]
    nodes = [f"node/r{n}" for n in range(1, NODES + 1)]
    refused = cli("forget", *links, *nodes, "--yes", cwd=chain.root)
    assert refused.code == 4, refused
    assert "more than 20 %" in refused.err
    assert chain.objects() == before
    one = cli("forget", links[-1], "--yes", cwd=chain.root)
    assert one.code == 0, one


def test_what_was_refused_is_signed_by_its_effect(chain: Province, cli: Cli) -> None:
    """`forget` is no plan of the files: who signs it finds it in the ledger, also after a `gc`."""
    values = {"protected": ["link/*"], "needs": "signature"}
    chain.tables["profiles"] = {"limits": {"values": values}, "retention": {"values": {"keep_runs": 1}}}
    chain.write()
    assert cli("apply", "--confirm", "change limits in tiny", cwd=chain.root).code == 0
    forget = ("forget", "link/r7-r8", "--yes")
    refused = cli(*forget, cwd=chain.root, env=BUILDER)
    assert refused.code == 4, refused
    effect = refused.err.partition("govcloud approve ")[2].partition("`")[0]
    assert len(effect) == 12
    assert cli("gc", "--yes", cwd=chain.root).code == 0
    shown = cli("approve", effect, "--key", chain.root.parent / "chief", "--yes", cwd=chain.root, env=CHIEF)
    assert shown.code == 0, shown
    assert "link/r7-r8" in shown.out
    done = cli(*forget, cwd=chain.root, env=BUILDER)
    assert done.code == 0, done
    assert cli("audit", "verify", cwd=chain.root).code == 0


def test_a_run_that_was_signed_goes_on_only_while_it_is(chain: Province, cli: Cli) -> None:
    assert cli("apply", "--yes", cwd=chain.slow(600).write().root).code == 0
    cut(chain)
    id = sign(chain, cli)
    process = subprocess.Popen(
        [str(GOVCLOUD), "apply", "--yes"],
        cwd=chain.root,
        env=dict(os.environ) | BUILDER,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while len(chain.rows()) == 2 * NODES - 1:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = cli("runs", "list", "--json", cwd=chain.root).json[0]["id"]
    assert cli("approve", "--revoke", id, cwd=chain.root, env=CHIEF).code == 0
    left = set(chain.objects())
    refused = cli("runs", "resume", run, cwd=chain.root, env=BUILDER)
    assert refused.code == 4, refused
    assert "beyond its limits" in refused.err
    assert set(chain.objects()) <= left
    sign(chain, cli, run)
    done = cli("runs", "resume", run, cwd=chain.root, env=BUILDER)
    assert done.code == 0, done
    assert set(chain.objects()) == {"Node/r1"}
    shown = cli("runs", "show", run, "--json", cwd=chain.root).json["clearances"]
    assert [c["how"] for c in shown] == ["signed", "signed"]
    assert chain.processes() == []


def test_what_was_confirmed_is_asked_again_where_more_stands_against_it(chain: Province, cli: Cli) -> None:
    """The rest of a run goes on by its words; not past what is protected since."""
    cut(chain)
    workspace = open_workspace(str(chain.root))
    ledger = open_ledger(workspace)
    plan = propose(workspace, ledger).plan
    actor = Identity("", "somebody", "os")
    with ledger.read() as connection:
        passed = admit(connection, plan, actor, Leave(confirmed=PHRASE))
    assert passed.how == "confirmed"
    with ledger.write() as connection:
        clearances.keep(connection, "run", "confirmed", "somebody", passed.detail)
    with ledger.read() as connection:
        assert admit(connection, plan, actor, NO_LEAVE, run="run").how is None
        # The words of the whole are not those of another plan.
        done = {plan.stages[-1].id}
        assert admit(connection, plan, actor, Leave(confirmed=PHRASE), run="run", done=done).how is None
    # Somebody protects one of them meanwhile.
    policy = {"values": {"protected": ["node/r3"]}}
    with ledger.write() as connection:
        number = entries.open_revision(
            connection, actor="", run=None, commit=None, message="", workspace=plan.workspace
        )
        entries.accept(
            connection, number, [EntryChange("create", "f" * 16, "profile", "limits", fields=policy)]
        )
    with ledger.read() as connection, pytest.raises(DeniedError, match="1 protected entry goes: node/r3"):
        admit(connection, plan, actor, NO_LEAVE, run="run")
    ledger.close()
