"""What of the playbooks a host depends on: the roles that its plays give it, and never less."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from govcloud.plan.playbooks import Parts

ROOT = Path(__file__).parents[2] / "playbooks"
HOSTS = {
    "r": ("routers", "region_x"),
    "w": ("instances", "web_servers"),
    "d": ("servers", "dns_servers"),
    "s": ("servers",),
    "a.b": ("servers",),
    "alone": (),
}
EVERY = set(HOSTS)


def shipped() -> dict[str, bytes]:
    paths = [p for p in sorted(ROOT.rglob("*")) if p.is_file() and "__pycache__" not in p.parts]
    return {str(p.relative_to(ROOT)): p.read_bytes() for p in paths}


def digests(files: dict[str, bytes]) -> dict[str, str]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    parts = Parts(buffer.getvalue(), f"whole-{hash(buffer.getvalue())}")
    return {host: parts.digest(host, groups) for host, groups in HOSTS.items()}


def touched(files: dict[str, bytes], path: str, more: bytes = b"\n# other\n") -> set[str]:
    """The hosts that are configured again when a file is other than it was."""
    before, after = digests(files), digests(files | {path: files.get(path, b"") + more})
    return {host for host in HOSTS if before[host] != after[host]}


@pytest.mark.parametrize(
    ("path", "hosts"),
    [
        ("roles/web/files/serve.py", {"w"}),
        ("roles/dns/templates/records.j2", {"d"}),
        ("roles/routing/defaults/main.yml", {"r"}),
        ("roles/resolver/tasks/main.yml", EVERY - {"alone"}),
        ("group_vars/routers.yml", {"r"}),
        ("group_vars/all.yml", EVERY),
        ("host_vars/s.yml", {"s"}),
        ("host_vars/s.yaml", {"s"}),
        ("host_vars/s.json", {"s"}),
        ("host_vars/s", {"s"}),
        ("host_vars/s/main.yml", {"s"}),
        ("host_vars/s/deep/main.yaml", {"s"}),
        ("host_vars/a.b.yml", {"a.b"}),
        ("host_vars/a.b", {"a.b"}),
        ("host_vars/a.b/main.yml", {"a.b"}),
        ("host_vars/nobody.yml", set()),
        ("group_vars/routers.yaml", {"r"}),
        ("group_vars/routers/main.yml", {"r"}),
        ("group_vars/ungrouped.yml", {"alone"}),
        ("library/lab_service.py", {"r", "w", "d"}),
        ("library/network_state.py", EVERY - {"alone"}),
        ("site.yml", EVERY),
        ("templates/any.j2", EVERY),
        ("filter_plugins/any.py", EVERY),
        ("restore.yml", set()),
    ],
)
def test_a_changed_file_touches_the_hosts_that_use_it(path: str, hosts: set[str]) -> None:
    assert touched(shipped(), path) == hosts


def test_a_role_that_a_play_gives_one_host_by_name_touches_that_host() -> None:
    files = shipped() | {"roles/own/tasks/main.yml": b"[]\n"}
    files["site.yml"] += b"\n- hosts: s\n  roles: [own]\n"
    assert touched(files, "roles/own/tasks/main.yml") == {"s"}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("roles/dns/tasks/more.yml", b"- include_role: {name: web}\n"),
        ("roles/dns/meta/main.yml", b"dependencies: [web]\n"),
        ("roles/dns/templates/x.j2", b"{{ lookup('file', '../web/files/serve.py') }}\n"),
        ("roles/web/filter_plugins/x.py", b""),
        ("roles/dns/templates/y.j2", b"{{ hostvars['w'] }}\n"),
    ],
)
def test_a_role_that_may_reach_further_touches_every_host(path: str, content: bytes) -> None:
    files = shipped() | {path: content}
    assert touched(files, "roles/web/files/serve.py") == EVERY


@pytest.mark.parametrize(
    "play",
    [
        b"- hosts: all:!routers\n  roles: [web]\n",
        b"- hosts: '{{ some }}'\n  roles: [web]\n",
        b"- import_playbook: other.yml\n",
        b"- hosts: routers\n  vars_files: [x.yml]\n",
        b"- hosts: routers\n  roles: ['site.web']\n",
        b"- hosts: routers\n  environment: {}\n",
        b"not a list\n",
    ],
)
def test_a_playbook_that_is_not_plain_touches_every_host(play: bytes) -> None:
    files = shipped()
    files["site.yml"] = play if play == b"not a list\n" else files["site.yml"] + b"\n" + play
    assert touched(files, "roles/web/files/serve.py") == EVERY
