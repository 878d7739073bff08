"""However the lab ends, nothing is left; and starting and ending may be asked for twice."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from govcloud.errors import GovcloudError
from govcloud.lab import control, process
from govcloud.lab.client import LabClient, LabDown
from govcloud.lab.leftovers import leftovers, marked
from govcloud.lab.places import read_record
from govcloud.lab.protocol import LabError

if TYPE_CHECKING:
    from conftest import Lab

pytestmark = pytest.mark.lab


def processes_left(lab: Lab, seconds: float = 5) -> list[str]:
    """What is left of the lab beside its files, once the kernel has had its time."""
    deadline = time.monotonic() + seconds
    while True:
        left = [line for line in leftovers(lab.workspace) if not line.startswith(("file", "folder"))]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def fill(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    lab.link("l", "a", "b", delay_ms=1)


def test_up_twice_is_one_agent(lab: Lab) -> None:
    record = read_record(lab.client.where)
    again = lab.up()
    assert not again.changed
    assert record == read_record(lab.client.where)


def test_many_ups_at_once_make_one_agent(down_lab: Lab) -> None:
    outcomes: list[control.Outcome] = []
    threads = [threading.Thread(target=lambda: outcomes.append(down_lab.up())) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(o.changed for o in outcomes) == [False] * 4 + [True]
    assert len({o.pid for o in outcomes}) == 1


def test_down_leaves_nothing_and_may_be_asked_twice(lab: Lab) -> None:
    fill(lab)
    seen = leftovers(lab.workspace)
    for word in ("process", "mount", "interface", "folder", "file"):
        assert any(line.startswith(word) for line in seen), f"the look at the machine sees no {word}"
    assert lab.down().changed
    assert leftovers(lab.workspace) == []
    assert not lab.down().changed
    with pytest.raises(LabDown, match="lab up"):
        lab.client.list()


def test_a_killed_agent_leaves_no_process_mount_or_interface(lab: Lab) -> None:
    fill(lab)
    # A daemon that a play started: a session of its own, without the mark.
    argv = [*lab.client.exec_argv(lab.pid("a")), "setsid", "-f", "sleep", "1000"]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    record = read_record(lab.client.where)
    assert record is not None and record.keeper is not None
    os.kill(record.agent.pid, signal.SIGKILL)
    assert processes_left(lab) == []
    assert not process.alive(record.keeper)
    # And the next one starts over what is left of its files.
    outcome = lab.up()
    assert outcome.changed
    assert any("removed" in line for line in outcome.swept)
    assert lab.client.list() == []


def test_a_killed_keeper_ends_the_agent_too(lab: Lab) -> None:
    fill(lab)
    record = read_record(lab.client.where)
    assert record is not None and record.keeper is not None
    os.kill(record.keeper.pid, signal.SIGKILL)
    assert process.wait_gone(record.agent, 5)
    assert processes_left(lab) == []
    assert leftovers(lab.workspace) == []


def test_a_terminated_agent_cleans_up(lab: Lab) -> None:
    fill(lab)
    record = read_record(lab.client.where)
    assert record is not None
    os.kill(record.agent.pid, signal.SIGTERM)
    assert process.wait_gone(record.agent, 5)
    assert leftovers(lab.workspace) == []


def test_a_stopped_agent_is_ended_by_force(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(lab)
    monkeypatch.setattr(control, "END_SECONDS", 1.0)
    record = read_record(lab.client.where)
    assert record is not None
    os.kill(record.agent.pid, signal.SIGSTOP)
    with pytest.raises(GovcloudError, match="does not answer"):
        lab.up()
    assert lab.down().changed
    assert leftovers(lab.workspace) == []


def test_an_agent_without_its_workspace_ends(lab: Lab) -> None:
    record = read_record(lab.client.where)
    assert record is not None
    lab.client.where.record.unlink()
    assert process.wait_gone(record.agent, 10)


def test_a_client_killed_in_the_middle_leaves_the_lab_well(lab: Lab) -> None:
    script = (
        "import sys; from govcloud.lab.client import LabClient; "
        "from govcloud.model.resources import Identity; "
        "c = LabClient(sys.argv[1], 'lab'); print('go', flush=True)\n"
        "for n in range(100): c.create('Node', Identity('lab', f'k{n}', 1), "
        "{'name': f'k{n}', 'role': 'core'}, 1)"
    )
    client = subprocess.Popen(
        [sys.executable, "-c", script, str(lab.workspace.root)], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    client.stdout.readline()
    time.sleep(0.2)
    client.kill()
    client.communicate()
    lab.node("after")
    for item in lab.client.nodes():
        assert item.identity is not None
        lab.client.delete("Node", item.identity, 1)
    assert lab.client.list() == []


def test_nonsense_on_the_socket_does_no_harm(lab: Lab) -> None:
    import socket

    record = read_record(lab.client.where)
    assert record is not None
    for words in (b"nonsense\n", b"[]\n", b'{"op":"create"}\n', b'{"op":"hello","protocol":99}\n', b"{"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(record.socket))
            client.sendall(words)
            client.shutdown(socket.SHUT_WR)
            client.recv(4096)
    assert lab.client.list() == []


def test_the_files_of_a_lab_are_its_owners_alone(lab: Lab) -> None:
    record = read_record(lab.client.where)
    assert record is not None
    assert stat.S_IMODE(record.directory.stat().st_mode) == 0o700
    for path in (record.socket, lab.client.where.record, lab.client.where.log):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert len(str(record.socket)) < 100


def test_a_folder_of_somebody_else_in_the_sockets_place_is_refused(down_lab: Lab) -> None:
    place = down_lab.client.where.directories()[0]
    place.symlink_to(down_lab.workspace.root)
    try:
        with pytest.raises(GovcloudError, match="belongs to somebody else"):
            down_lab.up()
    finally:
        place.unlink()
    assert marked(down_lab.client.where.mark) == []


def test_a_record_whose_ids_others_have_now_harms_nobody(down_lab: Lab) -> None:
    down_lab.up()
    record = down_lab.client.where.record
    text = record.read_text()
    down_lab.down()
    bystander = subprocess.Popen(["sleep", "100"])
    try:
        from govcloud.lab import places

        former = process.identify(bystander.pid)
        assert former is not None
        record.write_text(text)
        read = read_record(down_lab.client.where)
        assert read is not None
        # The same id with another start time, and then even with the right one but without the mark.
        for start in (former.start - 1, former.start):
            dead = process.Process(former.pid, start)
            places.write_record(down_lab.client.where, places.Record(dead, dead, read.directory, read.boot))
            down_lab.down()
            assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_delay_line_that_dies_is_started_again(lab: Lab) -> None:
    if lab.client.hello()["delay"] == "kernel":
        pytest.skip("this kernel delays by itself")
    fill(lab)
    mark = lab.client.where.mark

    def lines() -> list[int]:
        def words(pid: int) -> bytes:
            with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
                return file.read()

        return [p.pid for p in marked(mark) if b"govcloud.lab.wire" in words(p.pid)]

    for pid in lines():
        os.kill(pid, signal.SIGKILL)
    for node, n in (("a", 0), ("b", 1)):
        lab.run(node, "ip", "address", "add", f"10.9.9.{n}/31", "dev", f"to-{'b' if n == 0 else 'a'}")
    assert lab.read("Link", "l") is not None
    assert lab.ping("a", "10.9.9.1", count=2)[1] == 0


def test_calls_during_down_get_a_sentence(lab: Lab) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        client = LabClient(lab.workspace.root, "lab")
        try:
            for n in range(1000):
                identity = lab.identity(f"x{threading.get_ident()}-{n}")
                client.create("Node", identity, {"name": f"x{threading.get_ident()}-{n}", "role": "core"}, 1)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    lab.down()
    for thread in threads:
        thread.join()
    assert len(errors) == 4
    assert all(isinstance(error, LabError) for error in errors), errors
