"""Failures on hosts and in playbooks, read as an operator reads them, cured as they say, and gone on with."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from failing import Failure, read

from tests.province.place import Place

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-failures"), pytest.mark.timeout(600)]

SHIPPED = Path(__file__).parents[2] / "playbooks"


@contextmanager
def changed(file: Path, old: str, new: str) -> Iterator[None]:
    """A file with one text instead of another, for a time."""
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new))
    yield
    file.write_text(before)


def failed(where: Place) -> Failure:
    return read(where.type("apply", "--yes", expect=1))


def goes_on(where: Place, failure: Failure) -> None:
    """Type what was to be typed next; then nothing is left to do."""
    words = failure.next.split()[1:]
    where.type(*words, *(["--yes"] if words[0] == "apply" else []))
    assert where.ask("plan")["changes"] == 0


@pytest.fixture
def playbooks(province: Place) -> Path:
    """Playbooks of the site's own, which a test makes wrong and right again."""
    own = province.root / "playbooks"
    if not own.exists():
        shutil.copytree(SHIPPED, own)
    return own


def test_a_port_that_is_taken(province: Place) -> None:
    """The port, for whom, on which host; the other host is done."""
    province.on("app-1", "sh", "-c", "python3 -m http.server 8080 >/dev/null 2>&1 &")
    file = province.root / "applications.yaml"
    with changed(file, '"host": "www"', '"host": "www", "port": 8080'):
        failure = failed(province)
        assert failure.stage == "play"
        assert "1 of 2 hosts are configured, 1 failed" in failure.words
        assert "cannot listen on port 8080 for portal: Address already in use" in failure.words
        assert "app-1: " in failure.words
        assert failure.not_done == ("app-1",)
        assert "another program holds the port" in failure.hint
        province.on("app-1", "pkill", "-f", "http.server")
        goes_on(province, failure)
    province.type("apply", "--yes")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("{{ no_such_thing }}", "'no_such_thing' is undefined"),
        ("{% if %}", "Syntax error in template: Expected an expression"),
    ],
)
def test_a_template_of_a_playbook(province: Place, playbooks: Path, wrong: str, words: str) -> None:
    """Jinja's words, and the host that it was for."""
    template = playbooks / "roles/web/templates/services.json.j2"
    whole = template.read_text()
    with changed(template, whole, whole + wrong):
        failure = failed(province)
        assert "app-1: " in failure.words and words in failure.words
        assert failure.not_done == ("app-1",)
        assert "a template of the playbooks is wrong" in failure.hint
        assert failure.next == "govcloud apply"
    goes_on(province, failure)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("lab_service:", "no_such_module:", "couldn't resolve module/action 'no_such_module'"),
        ("daemons:", "daemons: [", "YAML parsing failed"),
    ],
)
def test_a_playbook_that_is_none(province: Place, playbooks: Path, old: str, new: str, words: str) -> None:
    """Ansible's words and the place in the site's own file, not in a copy that nobody knows."""
    tasks = playbooks / "roles/web/tasks/lab.yml"
    with changed(tasks, old, new):
        failure = failed(province)
        assert words in failure.words
        assert "Origin: playbooks/roles/web/tasks/lab.yml:" in failure.words
        assert "\x1b" not in failure.words
        assert "the playbooks are wrong" in failure.hint
        assert failure.next == "govcloud apply"
    goes_on(province, failure)


def test_a_program_that_a_host_cannot_start(province: Place, playbooks: Path) -> None:
    """The last words of the program itself."""
    with changed(playbooks / "roles/web/tasks/lab.yml", "-IS", "-IQ"):
        failure = failed(province)
        assert "serve ended at once with code 2: " in failure.words
        assert "Unknown option: -Q" in failure.words
        assert failure.not_done == ("app-1",)
    province.type("apply", "--yes")
    assert province.ask("plan")["changes"] == 0


def test_a_host_that_is_gone(province: Place) -> None:
    """It is named; `drift` takes note of it, and a new plan builds it again."""
    with changed(province.root / "applications.yaml", "政务门户", "新门户"):
        os.kill(province.pids()["app-1"], signal.SIGKILL)
        failure = failed(province)
        assert "1 could not be reached: app-1" in failure.words
        assert failure.not_done == ("app-1",)
        assert "`govcloud drift`" in failure.hint
        province.type("drift", expect=3)
        goes_on(province, failure)
    province.type("apply", "--yes")


def test_what_is_built_and_does_not_serve(province: Place) -> None:
    """Each probe says where it stopped; what is mended by hand is measured by the resumed run."""
    policy, applications = province.root / "policy.yaml", province.root / "applications.yaml"
    with (
        changed(policy, '"patience_s": 30', '"patience_s": 3'),
        changed(applications, "政务门户", "新门户"),
    ):
        province.on("core", "ip", "link", "set", "to-border", "down")
        failure = failed(province)
        assert failure.stage == "probe"
        assert "desk-portal/http/6: " in failure.words
        assert "`govcloud drift`" in failure.hint and "does not serve yet" in failure.hint
        province.on("core", "ip", "link", "set", "to-border", "up")
        province.type("drift", expect=(0, 3))
        assert province.ask("probe", "--wait", "30")["bad"] == 0
        goes_on(province, failure)
    province.type("apply", "--yes")
