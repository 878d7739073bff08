"""A tiny province whose objects are rows of a SQLite file: files to write, and reality to look at.

The files are data here (``tables``), so that a test changes a value and writes them again. What is
really there is read straight from the store's file, without the program's own code.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from govcloud.provider.drivers.store import StoreDriver

ENVIRONMENT = "tiny"
TARGET = "shelf"


@dataclass(frozen=True)
class Row:
    """An object as the store's file has it."""

    type: str
    uid: str
    incarnation: int
    properties: dict[str, Any]
    birth: str

    @property
    def object_id(self) -> str:
        return f"{self.uid}.{self.incarnation}"


@dataclass
class Province:
    """A workspace folder with a chain of routers, and on request what stands behind the last of them."""

    root: Path
    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def write(self) -> Province:
        """Write ``govcloud.yaml`` and ``base.yaml``."""
        self.root.mkdir(parents=True, exist_ok=True)
        settings = {"version": 1, "environment": ENVIRONMENT, **self.settings}
        (self.root / "govcloud.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
        tables = {kind: table for kind, table in self.tables.items() if table}
        (self.root / "base.yaml").write_text(yaml.safe_dump(tables, sort_keys=False))
        return self

    def line_of(self, text: str) -> int:
        """Where a text first stands in ``base.yaml``, from 1."""
        lines = (self.root / "base.yaml").read_text().splitlines()
        return next(n for n, line in enumerate(lines, 1) if text in line)

    # -- changing the files -------------------------------------------------------------------

    def node(self, name: str, **fields: Any) -> Province:
        """One more router."""
        common = {"region": "here", "zone": "extranet", "role": "core", "target": TARGET}
        self.tables["nodes"][name] = common | fields
        return self

    def link(self, a: str, b: str, **fields: Any) -> Province:
        """One more line, called ``a-b``."""
        ends = {"a": a, "b": b, "a_interface": f"to-{b}", "b_interface": f"to-{a}", "bandwidth_mbps": 100}
        self.tables["links"][f"{a}-{b}"] = ends | fields
        return self

    def slow(self, delay_ms: float) -> Province:
        """Let each call of the driver take so long."""
        self.tables["targets"][TARGET]["delay_ms"] = delay_ms
        return self

    def edge(self) -> Province:
        """A data centre with a server and a cloud with an instance, each in a network of its own."""
        last = list(self.tables["nodes"])[-1]
        self.tables |= {
            "units": {"bureau": {"region": "here"}},
            "sites": {"hall": {"region": "here", "role": "datacentre"}},
            "rooms": {"room": {"site": "hall"}},
            "racks": {"rack": {"room": "room"}},
            "networks": {
                "lan": {"gateway": last, "interface": "lan", "site": "hall"},
                "app": {"gateway": last, "interface": "app", "cloud": "sky"},
            },
            "servers": {"web": {"rack": "rack", "network": "lan", "target": TARGET}},
            "clouds": {"sky": {"site": "hall", "target": TARGET}},
            "projects": {"p": {"cloud": "sky", "unit": "bureau"}},
            "flavors": {"small": {"vcpus": 1, "memory_mib": 512}},
            "images": {"linux": {"os": "Linux"}},
            "instances": {"vm": {"project": "p", "flavor": "small", "image": "linux", "network": "app"}},
        }
        return self

    # -- looking at what is really there ------------------------------------------------------

    @property
    def private(self) -> Path:
        """The program's own folder."""
        return self.root / ".govcloud"

    @property
    def store(self) -> Path:
        """The file that holds the objects."""
        return self.private / "store.db"

    def rows(self, environment: str = ENVIRONMENT) -> list[Row]:
        """Every object of an environment."""
        if not self.store.exists():
            return []
        with sqlite3.connect(self.store) as connection:
            # A driver that is just starting has made the file and not yet the table.
            if not connection.execute("select 1 from sqlite_master where name = 'object'").fetchone():
                return []
            found = connection.execute(
                "select type, uid, incarnation, properties, birth from object where environment = ?",
                (environment,),
            ).fetchall()
        return [Row(t, u, i, json.loads(p), b) for t, u, i, p, b in found]

    def objects(self) -> dict[str, Row]:
        """The objects by ``Type/name``. Fails where one exists twice."""
        out: dict[str, Row] = {}
        for row in self.rows():
            key = f"{row.type}/{row.properties['name']}"
            assert key not in out, f"{key} is there twice: {out[key].object_id}, {row.object_id}"
            out[key] = row
        return out

    def wanted(self) -> set[str]:
        """What the files call for, by ``Type/name``."""
        types = {"nodes": "Node", "links": "Link", "networks": "Network", "servers": "Server"}
        types["instances"] = "Instance"
        return {f"{t}/{name}" for plural, t in types.items() for name in self.tables.get(plural, {})}

    def driver(self, environment: str = ENVIRONMENT) -> StoreDriver:
        """The target itself, to break something behind the program's back."""
        self.private.mkdir(mode=0o700, exist_ok=True)
        return StoreDriver(environment, str(self.root), {"driver": "store"})

    def fence(self) -> int:
        """The newest fencing token that the target has seen."""
        with sqlite3.connect(self.store) as connection:
            row = connection.execute("select max(token) from fence").fetchone()
        return int(row[0] or 0)

    def foreign(self, type: str, own: str, **properties: Any) -> str:
        """Something that somebody else made at the target: no identity of ours. Its id there."""
        self.driver()
        with sqlite3.connect(self.store) as connection:
            connection.execute(
                "insert into object values ('', ?, 1, ?, ?, ?)",
                (own, type, json.dumps(properties), f"born-{own}"),
            )
        return f"{own}.1"

    def remove(self, key: str) -> None:
        """Take one object away behind the program's back, whatever stands on it."""
        row = self.objects()[key]
        with sqlite3.connect(self.store) as connection:
            connection.execute(
                "delete from object where environment = ? and uid = ? and incarnation = ?",
                (ENVIRONMENT, row.uid, row.incarnation),
            )

    def ledger(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows straight from the ledger's file."""
        with sqlite3.connect(self.private / "ledger.db") as connection:
            return connection.execute(query, values).fetchall()

    def processes(self) -> list[psutil.Process]:
        """Processes at work for this workspace: their environment or command line names its folder."""
        return [p for p in psutil.process_iter() if self._concerns(p)]

    def _concerns(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == psutil.Process().pid:
                return False
            words: Iterator[str] = iter([*process.cmdline(), *process.environ().values()])
            return any(str(self.private) in word for word in words)
        except psutil.Error:
            return False

    def locks(self) -> list[Path]:
        """Locks that the engine has on the state of this workspace."""
        return [p for p in (self.private / "state").rglob("*") if p.is_file() and "locks" in p.parts]


def province(root: Path, *, nodes: int = 2, **settings: Any) -> Province:
    """``nodes`` routers in a chain, not written yet; ``settings`` go into ``govcloud.yaml``."""
    made = Province(root, settings=settings)
    made.tables = {
        "targets": {TARGET: {"driver": "store"}},
        "regions": {"here": {"level": "province", "title": "本省"}},
        "zones": {"extranet": {"role": "extranet"}},
        "nodes": {},
        "links": {},
    }
    names = [f"r{i}" for i in range(1, nodes + 1)]
    for name in names:
        made.node(name)
    for a, b in itertools.pairwise(names):
        made.link(a, b)
    return made


def records(root: Path, **settings: Any) -> Province:
    """A workspace that only records: an apply of it starts no engine."""
    return Province(
        root,
        tables={
            "targets": {},
            "regions": {"here": {"level": "province"}, "there": {"level": "city", "parent": "here"}},
            "zones": {"extranet": {"role": "extranet"}},
            "nodes": {},
            "links": {},
        },
        settings=settings,
    )
