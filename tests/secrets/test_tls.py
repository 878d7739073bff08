"""Whose certificate an endpoint shows, what a chain holds, and the file that its key gets on a host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Result
from tests.request.office import machine, office
from tests.store_province import Province

Cli = Callable[..., Result]
CHAIN = "-----BEGIN CERTIFICATE-----\nAAA=\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMIIE\n-----END EC PRIVATE KEY-----\n"


@pytest.fixture
def shown(tmp_path: Path) -> Province:
    """The bureau's application shows the bureau's certificate."""
    made = office(tmp_path / "w")
    made.tables |= {
        "dns_zones": {"z": {"domain": "here.gov", "servers": []}},
        "applications": {"a": {"unit": "bureau"}},
        "secrets": {name: {"origin": "env", "variable": "K", "unit": "bureau"} for name in ("k", "q")},
        "certificates": {"c": {"names": ["*.here.gov"], "unit": "bureau", "secret": "k", "chain": CHAIN}},
        "endpoints": {
            "e": {
                "application": "a",
                "instance": "mine",
                "dns_zone": "z",
                "host": "www",
                "port": 443,
                "certificate": "c",
            }
        },
    }
    made.tables["instances"] = machine("mine")["instances"]
    return made


def told(place: Province, cli: Cli, command: str = "validate") -> str:
    """What is told of the files; empty where all is well."""
    place.write()
    done = cli(command, cwd=place.root)
    assert done.code in (0, 2), done
    return done.err if done.code else ""


def test_the_certificate_is_of_the_applications_unit(shown: Province, cli: Cli) -> None:
    assert told(shown, cli) == ""
    shown.tables["certificates"]["c"]["unit"] = "other"
    words = "`certificate`: certificate/c is of unit/other, and application/a of unit/bureau"
    assert words in told(shown, cli)
    shown.tables["certificates"]["c"].pop("unit")
    assert told(shown, cli) == ""


@pytest.mark.parametrize(
    "chain",
    [KEY, CHAIN + KEY, CHAIN + "-----BEGIN X509 CRL-----\n", CHAIN[:40]],
    ids=["key", "both", "other", "cut"],
)
def test_a_chain_holds_certificates_alone(shown: Province, cli: Cli, chain: str) -> None:
    """Shown or not: what is a key never gets into the ledger, nor into what is told."""
    shown.tables["certificates"]["c"]["chain"] = chain
    shown.tables["endpoints"] = {}
    found = told(shown, cli)
    assert "`chain`: it holds something else than whole certificates" in found and "MIIE" not in found
    shown.tables["certificates"]["c"]["chain"] = f"subject=here\n{CHAIN}\nissuer=there\n{CHAIN}"
    assert told(shown, cli) == ""


def test_nothing_else_lies_where_its_key_does(shown: Province, cli: Cli) -> None:
    file: dict[str, Any] = {"secret": "q", "hosts": ["instance/mine"], "path": "tls/c.key"}
    shown.tables["secret_files"] = {"f": file}
    assert "tls/c.key on instance/mine is the key of certificate/c already" in told(shown, cli)
    file["path"] = "tls/d.key"
    assert told(shown, cli) == ""


def test_what_changes_beside_an_endpoint_is_judged_with_it(shown: Province, cli: Cli) -> None:
    """A plan looks at what changed alone: the endpoint stays, and what it shows becomes somebody else's."""
    shown.write()
    assert cli("apply", "--yes", cwd=shown.root).code == 0
    ours = shown.tables["certificates"]["c"]
    file = {"secret": "q", "hosts": ["instance/mine"], "path": "tls/c.key"}
    for kind, name, fields, words in (
        ("certificates", "c", ours | {"unit": "other"}, "certificate/c is of unit/other"),
        ("certificates", "c", ours | {"names": ["x.gov"]}, "is good for x.gov, not for www.here.gov"),
        ("applications", "a", {"unit": "other"}, "application/a of unit/other"),
        ("secret_files", "f", file, "is the key of"),
    ):
        table = shown.tables.setdefault(kind, {})
        before = table.get(name)
        table[name] = fields
        assert words in told(shown, cli, "plan"), (kind, name)
        if before is None:
            table.pop(name)
        else:
            table[name] = before
