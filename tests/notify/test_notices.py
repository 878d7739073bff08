"""Telling people: what goes out, to whom, how often, and that no run waits for it or fails of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from govcloud.ledger import clearances, open_ledger, outbox
from govcloud.notify import delivery, messages, webhook
from govcloud.notify.courier import courier
from govcloud.notify.policy import Patience
from govcloud.notify.trouble import Trouble
from govcloud.secrets import redaction
from govcloud.workspace import open_workspace
from tests import canary
from tests.notify.receivers import Hook, hook, post_office, until
from tests.store_province import Province, province, records

Cli = Callable[..., Any]
PROGRAMS = Path(__file__).parents[2] / "stacks"
KEY = "a key that signs"
EVERY = ["gate", "done", "failed", "stopped", "interrupted", "drift", "emergency"]


def channel(name: str, at: Hook, *, path: str = "/hook", **more: Any) -> dict[str, Any]:
    return {"name": name, "webhook": at.url + path, "events": EVERY, **more}


def told(at: Hook) -> list[dict[str, Any]]:
    return [json.loads(post.body) for post in at.posts]


def test_a_run_that_is_done_is_told_once_and_signed(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "hook.key").write_text(KEY + "\n")
    (tmp_path / "hook.key").chmod(0o600)
    with hook() as at:
        secret = {"origin": "file", "path": "hook.key"}
        place = records(tmp_path, notify=[channel("duty", at, secret=secret)]).write()
        assert cli("apply", "--yes", cwd=place.root).code == 0
        until(at.posts, 1)
        assert cli("notify", "retry", cwd=place.root).out == "Nothing is due.\n"
        (post,) = at.posts
    body = json.loads(post.body)
    assert body["event"] == "done"
    assert body["environment"] == "tiny"
    run = cli("runs", "list", "--json", cwd=place.root).json[0]["id"]
    assert body["run"] == run
    assert body["title"] == f"run {run} is done"
    # As a receiver checks it who knows nothing of our code.
    assert post.headers["webhook-id"] == body["id"]
    assert abs(int(post.headers["webhook-timestamp"]) - time.time()) < 300
    message = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    good = base64.b64encode(hmac.new(KEY.encode(), message, hashlib.sha256).digest()).decode()
    assert post.headers["webhook-signature"] == f"v1,{good}"


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of standardwebhooks.com's libraries."""
    secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signed = webhook.sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def failing(root: Path, at: Hook | None, **more: Any) -> Province:
    """A province whose target cannot be built in: where its file should be is a folder."""
    place = province(root, notify=[channel("duty", at)] if at else [], **more).write()
    place.store.mkdir(parents=True)
    return place


def test_a_failed_run_is_told_with_the_way_on(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        place = failing(tmp_path, at)
        assert cli("apply", "--yes", cwd=place.root).code == 1
        until(at.posts, 1)
        (body,) = told(at)
        assert body["event"] == "failed"
        assert body["title"].endswith("failed at stack:network-1")
        assert body["next"] == f"govcloud runs resume {body['run']}"
        assert set(body["subjects"]) == {"node/r1", "node/r2", "link/r1-r2"}
        assert any(line.startswith("stack:network-1: ") for line in body["words"])
        # Failed again: another attempt, another notice. Put right: done.
        assert cli("runs", "resume", body["run"], cwd=place.root).code == 1
        until(at.posts, 2)
        place.store.rmdir()
        assert cli("runs", "resume", body["run"], cwd=place.root).code == 0
        until(at.posts, 3)
    assert [one["event"] for one in told(at)] == ["failed", "failed", "done"]
    assert len({one["id"] for one in told(at)}) == 3


def test_a_fault_that_a_resume_would_meet_again_is_told_with_a_new_plan(cli: Cli, tmp_path: Path) -> None:
    """The run keeps the program that was wrong."""
    shutil.copytree(PROGRAMS, tmp_path / "stacks")
    (tmp_path / "stacks" / "network.py").write_text("def program(slice):\n    raise ValueError('no card')\n")
    with hook() as at:
        place = province(tmp_path, nodes=2, notify=[channel("duty", at)]).write()
        assert cli("apply", "--yes", cwd=place.root).code == 1
        until(at.posts, 1)
    (body,) = told(at)
    assert body["event"] == "failed"
    assert body["next"] == "govcloud apply"


def test_who_is_down_gets_it_later(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        port = int(at.url.rpartition(":")[2])
    place = records(tmp_path, notify=[channel("duty", at)]).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    (one,) = cli("notify", "list", "--json", cwd=place.root).json
    (way,) = one["deliveries"]
    assert (way["status"], way["attempts"]) == ("waiting", 1)
    assert "refused" in way["words"].lower()
    # Not due yet: nobody is pestered; on demand it goes at once.
    assert cli("notify", "retry", cwd=place.root).out == "Nothing is due.\n1 waiting\n"
    with hook(port=port) as again:
        assert cli("notify", "retry", "--all", cwd=place.root).code == 0
        assert [body["id"] for body in told(again)] == [one["id"]]
    (one,) = cli("notify", "list", "--json", cwd=place.root).json
    assert one["deliveries"][0]["status"] == "sent"
    assert "duty" in cli("notify", "list", cwd=place.root).out


@pytest.mark.parametrize(
    ("broken", "status", "words"),
    [
        ({"code": 500}, "waiting", "HTTP 500 Internal Server Error: we are closed"),
        ({"code": 429}, "waiting", "HTTP 429 Too Many Requests: we are closed"),
        ({"code": 404}, "refused", "HTTP 404 Not Found: we are closed"),
        ({"code": 302}, "refused", "HTTP 302 Found"),
        ({"wait_s": 60}, "waiting", "no answer"),
        ({"drip_s": 0.3}, "waiting", "no answer within 1 s"),
    ],
)
def test_a_broken_receiver_never_fails_a_run(
    cli: Cli, tmp_path: Path, broken: dict[str, float], status: str, words: str
) -> None:
    with hook(**broken) as at:  # type: ignore[arg-type]
        place = records(tmp_path, notify=[channel("duty", at)])
        place.tables["profiles"] = {"notifying": {"values": {"timeout_s": 1, "linger_s": 20}}}
        assert cli("apply", "--yes", cwd=place.write().root).code == 0
        (one,) = cli("notify", "list", "--json", cwd=place.root).json
        assert all(post.path == "/hook" for post in at.posts)
    (way,) = one["deliveries"]
    assert way["status"] == status
    assert way["words"].startswith(words)


def test_the_second_try_of_a_slow_receiver_has_the_same_id(cli: Cli, tmp_path: Path) -> None:
    with hook(code=503) as at:
        place = records(tmp_path, notify=[channel("duty", at)]).write()
        assert cli("apply", "--yes", cwd=place.root).code == 0
        until(at.posts, 1)
        at.code = 200
        assert cli("notify", "retry", "--all", cwd=place.root).code == 0
    first, second = told(at)
    assert first == second
    assert len({post.headers["webhook-id"] for post in at.posts}) == 1


def test_mail_goes_to_all_and_a_busy_server_is_asked_again(cli: Cli, tmp_path: Path) -> None:
    with post_office() as office:
        post = {
            "name": "post",
            "mail": f"smtp://127.0.0.1:{office.port}",
            "sender": "govcloud@example.cn",
            "recipients": ["duty@example.cn", "chief@example.cn"],
        }
        place = failing(tmp_path, None)
        place.settings["notify"] = [post]
        place.write()
        office.busy = True
        assert cli("apply", "--yes", cwd=place.root).code == 1
        (one,) = cli("notify", "list", "--json", cwd=place.root).json
        assert one["deliveries"][0]["words"] == "SMTP 451 come back later"
        office.busy = False
        office.unknown = {"chief@example.cn"}
        done = cli("notify", "retry", "--all", cwd=place.root)
        assert "taken for 1 of 2; chief@example.cn: 550 nobody of that name" in done.out
    ((sender, recipients, letter),) = office.letters
    assert (sender, recipients) == ("govcloud@example.cn", ["duty@example.cn"])
    assert letter["Subject"] == f"[govcloud tiny] {one['title']}"
    assert letter["Message-ID"] == f"<{one['id']}@example.cn>"
    text = letter.get_content()
    assert f"next: govcloud runs resume {one['run']}" in text
    assert "node/r1" in text


def test_only_what_is_wanted_is_told(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        urgent = {"name": "duty", "webhook": at.url}
        place = records(tmp_path, notify=[urgent]).write()
        assert cli("apply", "--yes", cwd=place.root).code == 0
        assert cli("notify", "list", cwd=place.root).out == "Nobody was told anything yet.\n"
        assert cli("notify", "test", cwd=place.root).code == 0
        until(at.posts, 1)
    assert [body["event"] for body in told(at)] == ["test"]


def test_the_same_drift_is_told_once_and_new_drift_again(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        place = province(tmp_path, notify=[{"name": "duty", "webhook": at.url, "events": ["drift"]}]).write()
        assert cli("apply", "--yes", cwd=place.root).code == 0
        assert cli("drift", cwd=place.root).code == 0
        place.remove("Link/r1-r2")
        for _ in range(2):
            assert cli("drift", cwd=place.root).code == 3
        until(at.posts, 1)
        assert cli("apply", "--yes", cwd=place.root).code == 0
        assert cli("drift", cwd=place.root).code == 0
        place.remove("Link/r1-r2")
        assert cli("drift", cwd=place.root).code == 3
        until(at.posts, 2)
    first, second = told(at)
    assert first["title"] == second["title"] == "drift: 1 missing"
    assert first["subjects"] == ["link/r1-r2"]
    assert first["id"] != second["id"]


def test_a_dead_run_is_told_by_whoever_comes_next(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        place = records(tmp_path, notify=[channel("duty", at)]).write()
        assert cli("apply", "--yes", cwd=place.root).code == 0
        until(at.posts, 1)
        # As a kill leaves it: the run still running, its process' lease over.
        ledger = open_ledger(open_workspace(str(place.root)))
        with ledger.write() as connection:
            connection.run("UPDATE run SET status = 'running', ended = NULL")
            connection.run("UPDATE leg SET status = 'running', ended = NULL")
        for _ in range(2):
            assert cli("notify", "retry", cwd=place.root).code == 0
    done, dead = told(at)
    assert dead["event"] == "interrupted"
    assert dead["next"] == f"govcloud runs resume {done['run']}"


def test_an_emergency_that_nobody_approved_is_told_once(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        place = records(
            tmp_path, notify=[{"name": "duty", "webhook": at.url, "events": ["emergency"]}]
        ).write()
        assert cli("apply", "--yes", cwd=place.root).code == 0
        ledger = open_ledger(open_workspace(str(place.root)))
        about = {"effect": "e", "person": "wu", "account": "wu@ops", "reason": "the cable is cut"}
        with ledger.write() as connection:
            for run, hours in (("early", 5), ("late", -1)):
                clearances.declare(connection, run=run, hours=hours, **about)
        for _ in range(2):
            assert cli("notify", "retry", cwd=place.root).code == 0
    (body,) = told(at)
    assert body["run"] == "late"
    assert body["words"][0] == "wu@ops: the cable is cut"
    assert body["next"] == "govcloud approve late"


def test_a_channel_hears_nothing_of_what_is_classified(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        open_, cleared = channel("open", at, path="/open"), channel("cleared", at, path="/cleared")
        place = province(tmp_path, notify=[open_, cleared | {"classified": True}]).edge()
        place.tables["applications"] = {"quiet": {"unit": "bureau", "title": "静默系统", "classified": True}}
        place.tables["components"] = {"quiet-web": {"application": "quiet"}}
        place.write()
        assert cli("apply", "--yes", cwd=place.root).code == 0
        at.posts.clear()
        workspace = open_workspace(str(place.root))
        ledger = open_ledger(workspace)
        with ledger.write() as connection:
            assert messages.gate(
                connection,
                workspace,
                ["effect", 1],
                title="a plan waits for a second signature",
                words=[
                    "静默系统 would be stopped",
                    "the target quiet-web refuses",
                    # Where a line is cut, half a name is left.
                    "x" * 390 + " quiet-web",
                    "x" * 395 + " quiet-web",
                    "2 objects to delete",
                ],
                subjects=["application/quiet", "component/quiet-web", "node/r1"],
                next="govcloud approve 1234",
            )
            # The same decision is asked for once.
            assert not messages.gate(connection, workspace, ["effect", 1], title="again", next="")
        for one in workspace.settings.notify:
            assert [s.status for s in delivery.deliver(workspace, ledger, one)] == ["sent"]
    by_path = {post.path: json.loads(post.body) for post in at.posts}
    assert by_path["/cleared"]["words"][0] == "静默系统 would be stopped"
    assert by_path["/cleared"]["subjects"] == ["application/quiet", "component/quiet-web", "node/r1"]
    assert by_path["/cleared"]["words"][3] == "x" * 395 + " quie"
    heard = by_path["/open"]
    assert heard["words"] == [
        *["(withheld: it says something of what is classified)"] * 4,
        "2 objects to delete",
    ]
    assert heard["subjects"] == ["application/(classified)", "component/(classified)", "node/r1"]
    assert "quiet" not in json.dumps(heard, ensure_ascii=False)
    assert "静默" not in json.dumps(heard, ensure_ascii=False)


def test_a_secret_that_is_known_goes_nowhere(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "hook.key").write_text("hunter2-hunter2")
    (tmp_path / "hook.key").chmod(0o600)
    with hook() as at:
        secret = {"origin": "file", "path": "hook.key"}
        place = records(tmp_path, notify=[channel("duty", at, secret=secret)]).write()
        assert cli("apply", "--yes", cwd=place.root).code == 0
        until(at.posts, 1)
        workspace = open_workspace(str(place.root))
        ledger = open_ledger(workspace)
        with ledger.write() as connection:
            halved = ["x" * 395 + "hunter2-hunter2"]
            messages.gate(
                connection, workspace, [1], title="it said hunter2-hunter2 aloud", words=halved, next=""
            )
        (only,) = workspace.settings.notify
        assert [s.status for s in delivery.deliver(workspace, ledger, only)] == ["sent"]
    assert b"hunter2" not in at.posts[-1].body
    assert told(at)[-1]["title"] == "it said (secret) aloud"
    assert told(at)[-1]["words"] == ["x" * 395 + "(secr"]


def test_a_credential_that_is_not_there_is_told_and_tried_again(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        secret = {"origin": "env", "variable": "THE_HOOKS_KEY"}
        place = records(tmp_path, notify=[channel("duty", at, secret=secret)]).write()
        done = cli("notify", "test", cwd=place.root)
        assert done.code == 1
        assert "env THE_HOOKS_KEY: the variable is not set" in done.out
        assert not at.posts
        assert cli("notify", "retry", "--all", cwd=place.root, env={"THE_HOOKS_KEY": KEY}).code == 0
        assert at.posts[0].headers["webhook-signature"].startswith("v1,")


def test_two_who_deliver_send_it_once(tmp_path: Path, cli: Cli) -> None:
    with hook() as at:
        place = records(tmp_path, notify=[channel("duty", at)]).write()
        workspace = open_workspace(str(place.root))
        ledger = open_ledger(workspace, create=True)
        with ledger.write() as connection:
            messages.gate(connection, workspace, [1], title="one", next="")
        with ledger.read() as connection:
            ((_, first),) = outbox.due(connection, "duty", now=time.time())
            ((_, second),) = outbox.due(connection, "duty", now=time.time())
        with ledger.write() as connection:
            assert outbox.claim(connection, first, until=time.time() + 60)
            assert not outbox.claim(connection, second, until=time.time() + 60)
        # While the first is at it, nobody else finds it; when it died, somebody does.
        with ledger.read() as connection:
            assert outbox.due(connection, "duty", now=time.time()) == []
            assert len(outbox.due(connection, "duty", now=time.time() + 61)) == 1


def test_what_nobody_took_for_days_is_given_up(cli: Cli, tmp_path: Path) -> None:
    with hook(code=500) as at:
        place = records(tmp_path, notify=[channel("duty", at)])
        place.tables["profiles"] = {"notifying": {"values": {"give_up_h": 0, "first_wait_s": 0}}}
        assert cli("apply", "--yes", cwd=place.write().root).code == 0
        until(at.posts, 1)
        assert "given up" in cli("notify", "retry", cwd=place.root).out
        assert cli("notify", "retry", cwd=place.root).out == "Nothing is due.\n1 given up\n"


def test_waits_grow_up_to_a_limit() -> None:
    policy = Patience(first_wait_s=30, longest_wait_s=3600)
    assert [policy.wait(n) for n in (1, 2, 3, 8, 5000)] == [30, 60, 120, 3600, 3600]


def test_numbers_that_are_none_are_told(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        place = records(tmp_path, notify=[channel("duty", at)])
        place.tables["profiles"] = {"notifying": {"values": {"timeout_s": "soon", "patience": 3}}}
        # A run is not stopped by it.
        assert cli("apply", "--yes", cwd=place.write().root).code == 0
        done = cli("notify", "retry", cwd=place.root)
    assert done.code == 2
    assert "`timeout_s` should be a number, not 'soon'" in done.err
    assert "`patience` is no number that we know" in done.err


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": "a", "webhook": "ftp://x"}, "`webhook` is a URL of https://HOST, http://HOST"),
        ({"name": "a", "webhook": "https://u:p@x"}, "they go into `user` and `password`, or `secret`"),
        ({"name": "a"}, "a channel has either `webhook` or `mail`"),
        (
            {"name": "a", "webhook": "http://x", "classified": True},
            "`classified` needs a channel that is encrypted",
        ),
        ({"name": "a", "mail": "smtp://x", "sender": "a@b"}, "`recipients` is missing"),
        (
            {"name": "a", "mail": "smtp://x", "sender": "a@b", "recipients": ["a@b\nBcc: c@d"]},
            "is no mail address",
        ),
        (
            {"name": "a", "webhook": "https://x", "secret": {"origin": "env"}},
            "`origin: env` needs `variable`",
        ),
        (
            {"name": "a", "webhook": "https://x/钩子"},
            "`webhook` holds '钩': a URL has %E9%92%A9 for it",
        ),
        ({"name": "a", "webhook": "https://x/a b"}, "`webhook` holds ' ': a URL has %20 for it"),
        (
            {
                "name": "a",
                "mail": "smtps://x",
                "sender": "a@b",
                "recipients": ["a@b"],
                "user": "值班",
                "password": {"origin": "env", "variable": "MAIL"},
            },
            "`user` has other characters than ASCII",
        ),
        ({"name": "a", "webhook": "https://x", "events": ["faild"]}, "did you mean 'failed'?"),
    ],
)
def test_a_wrong_channel_is_told_with_its_line(
    cli: Cli, tmp_path: Path, said: dict[str, Any], words: str
) -> None:
    settings = {"version": 1, "environment": "tiny", "notify": [said]}
    (tmp_path / "govcloud.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    done = cli("ls", cwd=tmp_path)
    assert done.code == 2
    assert words in done.err
    assert "govcloud.yaml:" in done.err


def test_a_channel_that_nobody_knows_is_told(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        place = records(tmp_path, notify=[channel("duty", at)]).write()
        done = cli("notify", "test", "dutty", cwd=place.root)
    assert done.code == 2
    assert "did you mean duty?" in done.err


def test_old_notices_go_unless_somebody_still_has_to_be_told(cli: Cli, tmp_path: Path) -> None:
    with hook() as at:
        place = records(tmp_path, notify=[channel("duty", at)])
        place.tables["profiles"] = {"retention": {"values": {"logs_days": 1}}}
        assert cli("apply", "--yes", cwd=place.write().root).code == 0
        until(at.posts, 1)
    assert cli("notify", "test", cwd=place.root).code == 1
    ledger = open_ledger(open_workspace(str(place.root)))
    with ledger.write() as connection:
        connection.run("UPDATE notice SET at = at - 200000")
    done = cli("gc", "--yes", "--json", cwd=place.root)
    assert done.code == 0, done
    (gone,) = [one for one in done.json["classes"] if one["name"] == "notices"]
    assert gone["rows"] == 2
    (left,) = cli("notify", "list", "--json", cwd=place.root).json
    assert (left["event"], left["deliveries"][0]["status"]) == ("test", "waiting")


def test_a_key_with_a_slip_is_told_and_sends_nothing(cli: Cli, tmp_path: Path) -> None:
    with hook() as at, post_office() as office:
        mail = {
            "name": "post",
            "mail": f"smtp://127.0.0.1:{office.port}",
            "sender": "govcloud@example.cn",
            "recipients": ["duty@example.cn"],
            "user": "govcloud",
            "password": {"origin": "env", "variable": "PASSWORD"},
            "events": EVERY,
        }
        signed = channel("duty", at, secret={"origin": "env", "variable": "SIGNING"})
        place = records(tmp_path, notify=[signed, mail]).write()
        slips = {"SIGNING": "whsec_abc", "PASSWORD": "密码密码密码"}
        done = cli("apply", "--yes", cwd=place.root, env=slips)
        assert (done.code, done.err) == (0, "")
        (one,) = cli("notify", "list", "--json", cwd=place.root).json
        assert not at.posts
        assert not office.letters
    assert {way["channel"]: (way["status"], way["words"]) for way in one["deliveries"]} == {
        "duty": ("waiting", "the secret begins with whsec_, and what follows is no base64"),
        "post": ("waiting", "the password has other characters than ASCII, and mail servers take no others"),
    }


def test_what_can_never_be_sent_keeps_nothing_behind_it(tmp_path: Path) -> None:
    with hook() as at:
        workspace = open_workspace(str(records(tmp_path, notify=[channel("duty", at)]).write().root))
        ledger = open_ledger(workspace, create=True)
        with ledger.write() as connection:
            for title in ("one", "two"):
                messages.gate(connection, workspace, [title], title=title, next="")
            connection.run("UPDATE notice SET body = '{}' WHERE body LIKE '%\"one\"%'")
        (only,) = workspace.settings.notify
        sent = delivery.deliver(workspace, ledger, only)
        assert [one.status for one in sent] == ["waiting", "sent"]
        assert sent[0].words == "unexpected KeyError: 'subjects'"
    assert [body["title"] for body in told(at)] == ["two"]


def test_a_courier_outlives_a_defect_and_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with hook() as at:
        workspace = open_workspace(str(records(tmp_path, notify=[channel("duty", at)]).write().root))
        ledger = open_ledger(workspace, create=True)
        deliver, failed = delivery.deliver, threading.Event()

        def once(*args: Any) -> Any:
            if failed.is_set():
                return deliver(*args)
            failed.set()
            raise ValueError("a slip")

        monkeypatch.setattr(delivery, "deliver", once)
        with courier(workspace, ledger):
            assert failed.wait(20)
            with ledger.write() as connection:
                messages.gate(connection, workspace, [1], title="one", next="")
        until(at.posts, 1)
    assert capfd.readouterr().err == "channel duty: unexpected ValueError: a slip\n"


def test_what_a_receiver_says_back_is_veiled_in_the_list(cli: Cli, tmp_path: Path) -> None:
    with hook(code=400, says="no such thing: 静默系统".encode()) as at:
        place = records(tmp_path, notify=[channel("duty", at)])
        digest = hashlib.sha256(b"admin-secret").hexdigest()
        place.tables |= {
            "units": {"bureau": {"region": "there"}},
            "applications": {"quiet": {"unit": "bureau", "title": "静默系统", "classified": True}},
            "persons": {"admin": {"unit": "bureau", "duty": "staff", "token_digest": digest}},
            "roles": {"all": {"permissions": ["administer", "read_classified"], "persons": ["admin"]}},
        }
        assert cli("apply", "--yes", cwd=place.write().root).code == 0
        until(at.posts, 1)
        heard = [
            cli("notify", "list", "--json", cwd=place.root, env=env).json[0]["deliveries"][0]["words"]
            for env in ({"GOVCLOUD_TOKEN": "admin-secret"}, {})
        ]
    assert heard == [
        "HTTP 400 Bad Request: no such thing: 静默系统",
        "(withheld: it says something of what is classified)",
    ]


def test_half_a_secret_that_a_receiver_says_back_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_forms", set())
    monkeypatch.setattr(redaction, "_pattern", None)
    redaction.keep_out(b"correct-horse-battery")
    with hook(code=500, says=b"x" * 190 + b"correct-horse-battery") as at, pytest.raises(Trouble) as trouble:
        webhook.send(at.url, "id", 1, b"{}", None, 10)
    assert str(trouble.value) == "HTTP 500 Internal Server Error: " + "x" * 190 + "(secret)"


def test_no_channel_hears_a_canary_in_any_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_forms", set())
    monkeypatch.setattr(redaction, "_pattern", None)
    value = b'kanari"envogel~42?>'
    redaction.keep_out(value)
    forms = [form.decode() for name, form in canary.forms(value).items() if "utf-16" not in name]
    header = base64.b64encode(b"govcloud:" + value).decode()
    with hook() as at:
        workspace = open_workspace(str(records(tmp_path, notify=[channel("duty", at)]).write().root))
        ledger = open_ledger(workspace, create=True)
        with ledger.write() as connection:
            words = [*(f"it said {form}" for form in forms), f"authorization: Basic {header}"]
            messages.gate(connection, workspace, [1], title=f"with {value.decode()}", words=words, next="")
        (only,) = workspace.settings.notify
        assert [one.status for one in delivery.deliver(workspace, ledger, only)] == ["sent"]
    searcher = canary.Searcher(value)
    assert list(searcher.within(at.posts[0].body)) == []
    assert searcher.in_tree(tmp_path) == {}
