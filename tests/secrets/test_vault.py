"""A vault is asked as its API says, and whatever it answers becomes a value or a sentence."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from govcloud.errors import InputError
from govcloud.references import Reference, SecretSettings, VaultSettings, check_settings
from govcloud.secrets.allowing import allow
from govcloud.secrets.resolving import Limits, Resolver, Unresolved
from govcloud.workspace import Settings, Workspace
from tests.vaults import VAULTS, Vault, any_vault, vault


@pytest.fixture(params=VAULTS)
def there(request: pytest.FixtureRequest) -> Iterator[Vault]:
    with any_vault(request.param) as found:
        yield found


def kept(folder: Path, name: str, value: str) -> Reference:
    path = folder / name
    path.touch(0o600)
    path.write_text(value)
    return Reference(origin="file", path=name)


def resolver(folder: Path, limits: Limits | None = None, **settings: Any) -> Resolver:
    secrets = SecretSettings(vault=VaultSettings(**settings))
    allow("test", "secrets.vault", VaultSettings(**settings))
    return Resolver(Workspace(folder, Settings(environment="test", secrets=secrets)), limits)


def of(mount: str, path: str = "app/db", **more: Any) -> Reference:
    return Reference(origin="vault", mount=mount, path=path, **more)


def test_a_value_by_token_and_by_role(there: Vault, tmp_path: Path) -> None:
    mount, role, secret = there.prepare()
    there.call("POST", f"{mount}/data/app/db", {"data": {"value": "first", "user": "人"}})
    there.call("POST", f"{mount}/data/app/db", {"data": {"value": "second"}})
    token = kept(tmp_path, "token", there.token(mount) + "\n")
    by_token = resolver(tmp_path, address=there.address, token=token)
    by_role = resolver(
        tmp_path, address=there.address, role=role, secret_id=kept(tmp_path, "secret-id", secret)
    )
    for one in (by_token, by_role):
        assert one.value(of(mount)) == b"second"
        assert one.value(of(mount, version=1)) == b"first"
        assert one.value(of(mount, version=1, key="user")) == "人".encode()


def test_what_is_not_there_is_told(there: Vault, tmp_path: Path) -> None:
    mount, role, _ = there.prepare()
    there.call("POST", f"{mount}/data/app/db", {"data": {"value": "x", "number": 7}})
    there.call("POST", f"{mount}/data/gone", {"data": {"value": "x"}})
    there.call("DELETE", f"{mount}/data/gone")
    token = kept(tmp_path, "token", there.token(mount))
    one = resolver(tmp_path, address=there.address, token=token)
    for reference, words in (
        (of(mount, "nowhere"), "no such secret"),
        (of(mount, "gone"), "no such secret, or that version was deleted"),
        (of(mount, version=9), "no such secret"),
        (of(mount, key="password"), "has no such key; it has number, value"),
        (of(mount, key="number"), "it is not a text"),
        (of("elsewhere"), "does not let us in"),
    ):
        with pytest.raises(Unresolved, match=words):
            one.value(reference)
    wrong = resolver(tmp_path, address=there.address, token=kept(tmp_path, "wrong", "hvs.nobody"))
    with pytest.raises(Unresolved, match="does not let us in"):
        wrong.value(of(mount))
    stranger = kept(tmp_path, "stranger", "00000000-0000-0000-0000-000000000000")
    with pytest.raises(Unresolved, match="invalid role or secret ID"):
        resolver(tmp_path, address=there.address, role=role, secret_id=stranger).value(of(mount))


def test_a_login_is_given_back(tmp_path: Path) -> None:
    with vault() as (there, state):
        mount, role, secret = there.prepare()
        there.call("POST", f"{mount}/data/app/db", {"data": {"value": "x"}})
        secret_id = kept(tmp_path, "secret-id", secret)
        one = resolver(tmp_path, address=there.address, role=role, secret_id=secret_id)
        assert one.value(of(mount)) == b"x"
        assert state.tokens == {}


def test_sealed_slow_and_away(tmp_path: Path) -> None:
    with vault() as (there, state):
        token = kept(tmp_path, "token", there.root)
        state.sealed = True
        with pytest.raises(Unresolved, match="sealed"):
            resolver(tmp_path, address=there.address, token=token).value(of("kv"))
        state.sealed, state.slow = False, threading.Event()
        quick = Limits(vault_timeout_s=0.2)
        with pytest.raises(Unresolved, match=r"did not answer within 0\.2 s"):
            resolver(tmp_path, quick, address=there.address, token=token).value(of("kv"))
    with pytest.raises(Unresolved, match="no connection"):
        resolver(tmp_path, address=there.address, token=token).value(of("kv"))


def test_only_the_named_authority_is_trusted(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vault")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    with vault(context) as (there, state):
        state.mounts["kv"] = {"app/db": [{"value": "over TLS"}]}
        token = kept(tmp_path, "token", there.root)
        one = resolver(tmp_path, address=there.address, token=token, ca="ca.pem")
        assert one.value(of("kv")) == b"over TLS"
        with pytest.raises(Unresolved, match=r"certificate .* is not one that we trust"):
            resolver(tmp_path, address=there.address, token=token).value(of("kv"))


def test_nothing_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with vault() as (there, state):
        monkeypatch.setenv("VAULT_TOKEN", there.root)
        state.mounts["kv"] = {"app/db": [{"value": "x"}]}
        wrong = kept(tmp_path, "token", "hvs.nobody")
        with pytest.raises(Unresolved, match="does not let us in"):
            resolver(tmp_path, address=there.address, token=wrong).value(of("kv"))


def test_no_vault_gets_a_token_that_it_was_not_allowed(tmp_path: Path) -> None:
    with vault() as (there, state):
        state.mounts["kv"] = {"app/db": [{"value": "x"}]}
        token = kept(tmp_path, "token", there.root)
        mine = VaultSettings(address=there.address, token=token)
        allow("test", "secrets.vault", mine)
        for other in (
            VaultSettings(address=there.address.replace("127.0.0.1", "localhost"), token=token),
            VaultSettings(address=there.address, token=kept(tmp_path, "another", there.root)),
            VaultSettings(address=there.address, token=token, ca="another.pem"),
        ):
            secrets = SecretSettings(vault=other)
            one = Resolver(Workspace(tmp_path, Settings(environment="test", secrets=secrets)))
            with pytest.raises(Unresolved, match="is a new one") as told:
                one.value(of("kv"))
            assert told.value.hint.endswith("`govcloud secrets allow secrets.vault`")


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://vault.gov.example:8200", True),
        ("http://127.0.0.1:8200", True),
        ("http://[::1]:8200", True),
        ("http://localhost:8200", True),
        ("http://vault.gov.example:8200", False),
        ("http://127.0.0.1@vault.gov.example", False),
        ("http://vault.gov.example@127.0.0.1", False),
        ("http://127.0.0.1.gov.example", False),
        ("http://10.0.0.1:8200", False),
        ("vault.gov.example:8200", False),
        ("https://", False),
        ("http://[", False),
    ],
)
def test_only_this_machine_is_spoken_to_without_tls(address: str, good: bool) -> None:
    token = Reference(origin="file", path="token")
    settings = SecretSettings(vault=VaultSettings(address=address, token=token))
    if good:
        check_settings(settings, "govcloud.yaml")
        return
    with pytest.raises(InputError) as told:
        check_settings(settings, "govcloud.yaml")
    assert "must be https://" in str(told.value.problems[0])
