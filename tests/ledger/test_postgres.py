"""PostgreSQL alone: how the program gets in, what it never shows, what becomes of its connections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from store_province import records

from govcloud.errors import GovcloudError, InputError
from govcloud.ledger import Ledger, audit, open_ledger, postgres
from govcloud.workspace import Workspace
from tests.postgres import LOCKED, PASSWORD, Server

Cli = Callable[..., Any]
SECRET = "s3cr3t-w0rd"


@pytest.fixture
def store(database: str) -> str:
    return database


def name_of(url: str) -> str:
    """The database that a URL of the tests names."""
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def locked(server: Server, database: str) -> str:
    """The database, owned by a role that must show a password."""
    server.admin(f'ALTER DATABASE "{name_of(database)}" OWNER TO {LOCKED}')
    return name_of(database)


def place(root: Path, ledger: str) -> Path:
    return records(root, ledger=ledger).write().root


@pytest.mark.parametrize("form", ["${WORD}", "$WORD"])
def test_the_password_comes_from_the_environment(
    cli: Cli, server: Server, locked: str, tmp_path: Path, form: str
) -> None:
    place(tmp_path, server.url(locked, LOCKED, form))
    done = cli("apply", "--yes", env={"WORD": PASSWORD})
    assert done.code == 0, done
    assert cli("ls", "--json", env={"WORD": PASSWORD}).json["region"] == 2
    unset = cli("ls")
    assert unset.code == 2 and "the password is to come from $WORD, which is not set" in unset.err
    wrong = cli("ls", env={"WORD": SECRET})
    assert wrong.code == 1 and "the ledger's server did not let us in" in wrong.err, wrong
    assert "~/.pgpass" in wrong.err
    # Wherever the program writes, it is not there.
    kept = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert kept and not [p for p in kept if PASSWORD.encode() in p.read_bytes()]
    assert not [r for r in (done, unset, wrong) if PASSWORD in repr(r) or SECRET in repr(r)]


def test_the_ways_of_libpq_work(cli: Cli, server: Server, locked: str, tmp_path: Path) -> None:
    url = server.url(locked, LOCKED)
    place(tmp_path, url)
    assert cli("ls", env={"PGPASSWORD": PASSWORD}).code == 0
    secrets = tmp_path / "pgpass"
    secrets.write_text(f"*:*:*:{LOCKED}:{PASSWORD}\n")
    secrets.chmod(0o600)
    assert cli("ls", env={"PGPASSFILE": str(secrets)}).code == 0
    service = tmp_path / "services"
    service.write_text(
        f"[ledger]\nhost={server.folder}\ndbname={locked}\nuser={LOCKED}\npassword={PASSWORD}\n"
    )
    place(tmp_path, "postgresql://?service=ledger")
    assert cli("apply", "--yes", env={"PGSERVICEFILE": str(service)}).code == 0


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}@db/ledger",
        f"postgresql+psycopg://me:{SECRET}@db/ledger",
        f"postgres://me@db/ledger?password={SECRET}",
        f"postgresql://me@db/ledger?sslpassword={SECRET}",
    ],
)
def test_a_password_in_plain_words_is_refused(cli: Cli, tmp_path: Path, url: str) -> None:
    place(tmp_path, url)
    for command in (["ls", "--json"], ["apply", "--yes"], ["doctor", "--json"], ["runs", "list"]):
        told = cli(*command)
        assert SECRET not in repr(told), told
        if command[0] != "doctor":
            assert told.code == 2 and "in plain words" in told.err, told
            assert "put $NAME in its place" in told.err


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}%zz@db/ledger",
        f"postgresql://me:{SECRET}@db/ledger?no_such_option=1",
        f"postgresql://me:{SECRET}/x@db/ledger",
        f"postgresql://me:{SECRET}?@db/ledger",
        f"postgresql://me:{SECRET}:@db:x/ledger",
    ],
)
def test_a_url_that_cannot_be_read_shows_nothing_of_itself(url: str) -> None:
    with pytest.raises(InputError) as error:
        postgres.parameters(url)
    assert SECRET not in f"{error.value.problems} {error.value.hint}"
    assert "postgresql://USER@HOST" in str(error.value.problems) or "plain words" in str(error.value.problems)


def test_what_keeps_us_out_is_a_sentence(cli: Cli, server: Server, database: str, tmp_path: Path) -> None:
    name = name_of(database)
    server.admin(f"CREATE DATABASE \"{name}_l\" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    for url, sentence, hint in (
        (server.url("nowhere"), "database is not there", "createdb"),
        (server.url(name, "stranger"), "did not let us in", "$NAME"),
        (server.url(name, LOCKED), "no password supplied", "PGPASSWORD"),
        ("postgresql://me@127.0.0.1:1/x", "cannot be reached", "see that it runs"),
        ("postgresql://me@/x?host=/no/such/folder", "cannot be reached", "see that it runs"),
        (server.url(f"{name}_l"), "keeps its texts as LATIN1", "docs/ledger.md"),
    ):
        place(tmp_path, url)
        told = cli("ls")
        assert told.code == 1, told
        assert sentence in told.err and hint in told.err and told.err.startswith("error: "), told
    server.drop(f"{name}_l")


def test_a_role_without_the_right_is_told_so(cli: Cli, server: Server, database: str, tmp_path: Path) -> None:
    """One that may only read reads; what it may not do is a sentence."""
    name = name_of(database)
    place(tmp_path, server.url(name, LOCKED))
    env = {"PGPASSWORD": PASSWORD}
    barred = cli("apply", "--yes", env=env)
    assert barred.code == 1 and "the role may not do this" in barred.err, barred
    place(tmp_path, database)
    assert cli("apply", "--yes").code == 0
    server.admin(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {LOCKED}", name)
    place(tmp_path, server.url(name, LOCKED))
    assert cli("ls", "--json", env=env).json["region"] == 2
    assert cli("audit", "verify", env=env).code == 0
    (tmp_path / "more.yaml").write_text("regions: {third: {level: city, parent: here}}\n")
    told = cli("apply", "--yes", env=env)
    assert told.code == 1 and "the role may not do this" in told.err, told


def test_a_server_that_takes_no_writes_is_told(server: Server, workspace: Workspace) -> None:
    ledger = open_ledger(workspace, create=True)
    ledger.close()
    url = workspace.settings.ledger
    server.admin(f'ALTER DATABASE "{name_of(url)}" SET default_transaction_read_only = on')
    with ledger.read() as connection:
        assert connection.scalar("SELECT count(*) FROM revision") == 0
    with pytest.raises(GovcloudError, match="takes no writes"), ledger.write() as connection:
        audit.append(connection, "me", "x", {})
    ledger.close()


def test_two_environments_in_two_schemas_of_one_database(
    cli: Cli, server: Server, database: str, tmp_path: Path
) -> None:
    """They share nothing, not even the lock of writers; a schema that is missing is told."""
    name = name_of(database)
    for environment in ("intranet", "extranet"):
        url = server.url(name, options=f"-csearch_path={environment}")
        home = place(tmp_path / environment, url)
        settings = {"version": 1, "environment": environment, "ledger": url}
        (home / "govcloud.yaml").write_text(yaml.safe_dump(settings))
        missing = cli("apply", "--yes", cwd=home)
        assert missing.code == 1 and "CREATE SCHEMA" in missing.err, missing
        server.admin(f"CREATE SCHEMA {environment}", name)
    (tmp_path / "extranet" / "more.yaml").write_text("regions: {third: {level: city, parent: here}}\n")
    for environment, regions in (("intranet", 2), ("extranet", 3)):
        assert cli("apply", "--yes", cwd=tmp_path / environment).code == 0
        assert cli("ls", "--json", cwd=tmp_path / environment).json["region"] == regions
    held = Ledger(postgres.Postgres(server.url(name, options="-csearch_path=intranet")), tmp_path / "anchor")
    with held.write():
        (tmp_path / "extranet" / "more.yaml").unlink()
        assert cli("apply", "--yes", cwd=tmp_path / "extranet").code == 0
    held.close()


def backends(server: Server, ledger_url: str) -> list[int]:
    query = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name_of(ledger_url)}'"
    return [pid for (pid,) in server.admin(query)]


def test_a_connection_that_died_while_idle_is_replaced(
    server: Server, ledger: Ledger, workspace: Workspace
) -> None:
    for pid in backends(server, workspace.settings.ledger):
        server.admin(f"SELECT pg_terminate_backend({pid}, 5000)")
    with ledger.read() as connection:
        assert connection.scalar("SELECT count(*) FROM revision") == 0
    for pid in backends(server, workspace.settings.ledger):
        server.admin(f"SELECT pg_terminate_backend({pid}, 5000)")
    with ledger.write() as connection:
        connection.run("INSERT INTO blob VALUES ('d', :content)", content=b"x")
    assert len(backends(server, workspace.settings.ledger)) == 1


def test_connections_are_used_again(server: Server, ledger: Ledger, workspace: Workspace) -> None:
    for _ in range(20):
        with ledger.write() as connection, ledger.read() as reader:
            assert connection.scalar("SELECT 1") == reader.scalar("SELECT 1") == 1
    assert len(backends(server, workspace.settings.ledger)) == 2


def test_a_statement_that_fails_is_a_sentence(ledger: Ledger) -> None:
    """What the tables refuse (a text too long, one that is there twice) comes from the server's own words."""
    with pytest.raises(GovcloudError, match="value too long"), ledger.write() as connection:
        connection.run("INSERT INTO blob VALUES (:digest, :content)", digest="d" * 33, content=b"")
    with pytest.raises(GovcloudError, match="duplicate key"), ledger.write() as connection:
        connection.insert("setting", [{"key": "environment", "value": "x"}])
    with pytest.raises(GovcloudError, match="NUL"), ledger.write() as connection:
        connection.insert("setting", [{"key": "k", "value": "a\0b"}])


def test_the_server_may_be_asked_who_we_are(server: Server, ledger: Ledger, workspace: Workspace) -> None:
    with ledger.read() as connection:
        connection.scalar("SELECT 1")
        names = server.admin(
            "SELECT DISTINCT application_name FROM pg_stat_activity "
            f"WHERE datname = '{name_of(workspace.settings.ledger)}'"
        )
    assert names == [("govcloud",)]


def test_the_ways_of_the_documentation(cli: Cli, server: Server, tmp_path: Path) -> None:
    """docs/ledger.md: a database made by its owner's tools; a copy that is the ledger; one who only reads."""
    made, copy = "ledger_intranet", "ledger_copy"
    for name in (made, copy):
        server.drop(name)
        options = ["--encoding=UTF8", "--locale=C", "--template=template0"]
        server.tool("createdb", f"--owner={LOCKED}", *options, name)
    env = {"LEDGER_PASSWORD": PASSWORD, "PGPASSWORD": PASSWORD}
    home = place(tmp_path / "first", server.url(made, LOCKED, "$LEDGER_PASSWORD"))
    assert cli("apply", "--yes", cwd=home, env=env).code == 0
    uid = cli("show", "region/here", "--json", cwd=home, env=env).json["uid"]
    server.tool("pg_dump", "--format=custom", f"--file={server.folder / 'copy'}", made)
    server.tool("pg_restore", f"--dbname={copy}", str(server.folder / "copy"))
    place(home, server.url(copy, LOCKED, "$LEDGER_PASSWORD"))
    assert cli("show", "region/here", "--json", cwd=home, env=env).json["uid"] == uid
    assert cli("audit", "verify", cwd=home, env=env).code == 0
    assert cli("plan", "--detailed-exitcode", cwd=home, env=env).code == 0

    server.admin("DROP ROLE IF EXISTS auditor")
    server.admin("CREATE ROLE auditor LOGIN")
    server.admin("GRANT pg_read_all_data TO auditor")
    place(home, server.url(made, "auditor"))
    assert cli("ls", "--json", cwd=home).json["region"] == 2
    assert cli("audit", "verify", cwd=home).code == 0
    for name in (made, copy):
        server.drop(name)
