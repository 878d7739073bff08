"""Who somebody is taken for: by account, token or key, and never by what they merely say."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from govcloud.access import signers
from govcloud.errors import GovcloudError
from govcloud.ledger import open_ledger
from govcloud.signatures import BadSignature, SshKey, armour, fingerprint, unarmour, verify
from govcloud.workspace import open_workspace
from tests.access.office import Office, ssh_key, token_digest

ME = pwd.getpwuid(os.getuid()).pw_name


def test_the_account_is_the_systems_and_not_what_the_environment_says(office: Office) -> None:
    office.person("li-na", "administer", accounts=[ME])
    office.person("wang-wei", "plan", accounts=["wangwei"])
    assert office.apply().code == 0
    told = office.run("whoami", "--json", env={"USER": "wangwei", "LOGNAME": "wangwei"})
    assert told.json["person"] == "li-na"
    assert told.json["how"] == "os"
    # Accepted people alone are known: the run that brings somebody in has only the account.
    assert office.log()[-1]["actor"].startswith(f"{ME}@")
    assert office.run("audit", "epoch", "--reason", "x", env={"USER": "wangwei"}).code == 0
    assert office.log()[-1]["actor"].startswith(f"li-na ({ME}@")


def test_an_account_may_be_of_one_host_alone(office: Office) -> None:
    office.person("elsewhere", accounts=[f"{ME}@another-host"])
    assert office.apply().code == 0
    assert office.run("whoami", "--json").json["person"] is None
    office.person("here", accounts=[f"{ME}@{os.uname().nodename}"])
    assert office.apply().code == 0
    assert office.run("whoami", "--json").json["person"] == "here"


def test_an_account_of_two_people_tells_neither(office: Office) -> None:
    office.person("one", accounts=[ME])
    office.person("other", accounts=[ME])
    assert office.apply().code == 0
    result = office.run("plan")
    assert result.code == 4, result
    assert "belongs to one and other at once" in result.err


def test_a_token_comes_from_a_file_the_environment_or_a_pipe(locked: Office, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("planner-secret\n")
    by_file = locked.run("whoami", "--json", env={"GOVCLOUD_TOKEN_FILE": str(tmp_path / "token")}).json
    assert (by_file["person"], by_file["how"], by_file["permissions"]) == ("planner", "token", ["plan"])
    piped = subprocess.run(
        [Path(sys.executable).with_name("govcloud"), "whoami", "--json"],
        cwd=locked.root,
        env=os.environ | {"GOVCLOUD_TOKEN_FILE": "-"},
        input="planner-secret\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"person": "planner"' in piped.stdout


@pytest.mark.parametrize("token", ["nobody-secret", token_digest("planner-secret"), "planner-secret2"])
def test_a_wrong_token_is_refused_and_not_passed_over(locked: Office, token: str) -> None:
    result = locked.run("plan", env={"GOVCLOUD_TOKEN": token})
    assert result.code == 4, result
    assert "the token is nobody's" in result.err
    assert token not in result.err


@pytest.mark.parametrize(
    "env", [{"GOVCLOUD_TOKEN": ""}, {"GOVCLOUD_TOKEN_FILE": "nowhere"}, {"GOVCLOUD_TOKEN_FILE": "/dev/null"}]
)
def test_no_token_where_one_is_announced(locked: Office, env: dict[str, str]) -> None:
    result = locked.run("plan", env=env)
    assert result.code == 2, result


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_key_proves_itself_by_signing(office: Office, tmp_path: Path, kind: str) -> None:
    public = ssh_key(tmp_path, "mine", kind)
    office.person("li-na", "administer", "plan", ssh_keys=[public])
    assert office.apply().code == 0
    told = office.run("whoami", "--json", env={"GOVCLOUD_SSH_KEY": str(tmp_path / "mine")}).json
    assert (told["person"], told["how"], told["key"]) == ("li-na", "ssh", fingerprint(public))
    # The public part alone proves nothing: neither beside a foreign private key, nor without an agent.
    ssh_key(tmp_path, "thief", kind)
    (tmp_path / "thief.pub").write_text(public + "\n")
    for key in ("thief", "thief.pub"):
        result = office.run("plan", env={"GOVCLOUD_SSH_KEY": str(tmp_path / key), "SSH_AUTH_SOCK": ""})
        assert result.code in (1, 4), result


def test_a_key_of_nobody_and_one_of_two(office: Office, tmp_path: Path) -> None:
    public = ssh_key(tmp_path, "mine")
    env = {"GOVCLOUD_SSH_KEY": str(tmp_path / "mine")}
    office.person("admin", "administer", "plan", "apply", ssh_keys=["rubbish", public])
    assert office.apply().code == 0
    assert office.run("whoami", "--json", env=env).json["person"] == "admin"
    office.person("twin", ssh_keys=[public])
    assert office.apply(env=env).code == 0
    assert "it is of admin and twin at once" in office.run("plan", env=env).err
    ssh_key(tmp_path, "other")
    assert "it is nobody's" in office.run("plan", env={"GOVCLOUD_SSH_KEY": str(tmp_path / "other")}).err


def test_who_may_approve_can_be_asked_with_their_keys(office: Office, tmp_path: Path) -> None:
    """What approvals will be: signatures over a digest, by keys of the accepted revision."""
    hers, his = ssh_key(tmp_path, "her"), ssh_key(tmp_path, "his", "ecdsa")
    office.person("she", "approve", "administer", ssh_keys=[hers])
    office.person("he", "plan", ssh_keys=[his])
    assert office.apply().code == 0
    with open_ledger(open_workspace(str(office.root))).read() as connection:
        allowed = signers(connection, "approve")
    assert [person for person, _ in allowed] == ["she"]
    effect = b"0123456789abcdef"
    publics = [public for _, public in allowed]
    blob = SshKey("her", tmp_path).sign(effect, "govcloud-approval")
    assert unarmour(armour(blob)) == blob
    assert fingerprint(verify(effect, "govcloud-approval", blob, publics)) == fingerprint(hers)
    for message, namespace, signature in (
        (b"another", "govcloud-approval", blob),
        (effect, "govcloud-audit", blob),
        (effect, "govcloud-approval", SshKey("his", tmp_path).sign(effect, "govcloud-approval")),
        (effect, "govcloud-approval", blob[:-1]),
        (effect, "govcloud-approval", b""),
    ):
        with pytest.raises(BadSignature):
            verify(message, namespace, signature, publics)
    with pytest.raises(BadSignature):
        unarmour("rubbish")
    with pytest.raises(GovcloudError):
        SshKey("nobody", tmp_path)
