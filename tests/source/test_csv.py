"""CSV tables: headers, cells, and what is said where they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from govcloud.model import KINDS, fields
from govcloud.source.csvfile import headers_of

from .helpers import BASE, faults, loaded, make, only_fault, said


def test_rows_become_claims_with_their_lines(tmp_path: Path) -> None:
    workspace = make(
        tmp_path,
        base_yaml=BASE,
        servers_csv='name,rack,title\n\nweb-1,r1,\n"web-2",r1,"a\nb"\nweb-3, r1 ,c\n',
    )
    claims = {c.name: c for c in loaded(workspace).claims if c.kind == "server"}
    assert claims["web-1"].fields == {"rack": "r1"}
    assert claims["web-2"].fields == {"rack": "r1", "title": "a\nb"}
    assert [claims[n].line for n in ("web-1", "web-2", "web-3")] == [3, 4, 6]
    assert claims["web-3"].claimant == "file:servers.csv"
    assert loaded(workspace).position("server", "web-3", "title").column == 12


@pytest.mark.parametrize("name", ["servers_csv", "servers-haikou_csv", "servers.2024_csv", "servers_CSV"])
def test_the_name_of_the_file_says_the_kind(tmp_path: Path, name: str) -> None:
    workspace = make(tmp_path, base_yaml=BASE, **{name: "name,rack\nweb-1,r1\n"})
    assert said(workspace)["server", "web-1"] == {"rack": "r1"}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_titles_in_chinese_and_units_left_out(tmp_path: Path, mark: bytes, end: str) -> None:
    rows = [
        "标识,A端,B端,a_interface,B端接口,带宽,时延（ms）,虚构,开销",
        "l1,core,edge,eth0,eth0,1000,0.5,是,7",
    ]
    workspace = make(tmp_path, base_yaml=BASE, links_csv=mark + end.join(rows).encode())
    assert said(workspace)["link", "l1"] == {
        "a": "core",
        "b": "edge",
        "a_interface": "eth0",
        "b_interface": "eth0",
        "bandwidth_mbps": 1000.0,
        "delay_ms": 0.5,
        "invented": True,
        "cost": 7,
    }


def test_lists_stand_between_semicolons(tmp_path: Path) -> None:
    workspace = make(
        tmp_path,
        base_yaml=BASE,
        a_yaml="applications: {app: {unit: bureau}}\nservers: {ns: {rack: r1}}\n"
        "endpoints: {e: {application: app, instance: vm, dns_zone: z, host: a}}\n"
        "dns_zones: {z: {domain: gov.example, servers: [ns]}}\n"
        "clouds: {c: {site: dc}}\nprojects: {p: {cloud: c, unit: bureau}}\n"
        "flavors: {f: {vcpus: 1, memory_mib: 1}}\n"
        "images: {i: {os: x}}\ninstances: {vm: {project: p, flavor: f, image: i, network: lan}}\n",
        flows_csv="name,start,endpoint,path,IP版本,measures\nf,server/ns,e,edge; core；edge,6,\n",
    )
    flow = said(workspace)["flow", "f"]
    assert flow["path"] == ["edge", "core", "edge"]
    assert flow["ip_versions"] == [6]
    assert "measures" not in flow


WRONG = {
    "unknown column": (
        "name,rack,untis\n",
        "servers.csv:1:11: no field of server is called 'untis' (did you mean 'unit'?)",
    ),
    "unknown column in Chinese": (
        "name,机柜,使用单伍\n",
        "servers.csv:1:9: no field of server is called '使用单伍' (did you mean '使用单位'?)",
    ),
    "two columns of one field": (
        "name,rack,机柜\n",
        "servers.csv:1:11: two columns hold `rack` (remove one)",
    ),
    "no name first": ("rack,name\n", "servers.csv:1:1: the first column is 'rack', expected 'name'"),
    "another separator": (
        "name;rack\n",
        "servers.csv:1:1: the first column is 'name;rack', expected 'name' (columns are separated by commas)",
    ),
    "a row without a name": (
        "name,rack\n,r1\n",
        "servers.csv:2:1: the row has no name (the first cell names the entry)",
    ),
    "too many cells": (
        "name,rack\nweb-1,r1,x\n",
        (
            "servers.csv:2:10: the row has 3 cells, the header 2 "
            "(a comma in a text needs quotes around the cell)"
        ),
    ),
    "twice": (
        "name,rack\nweb-1,r1\nweb-1,r1\n",
        "servers.csv:3:1: server 'web-1' stands in this file twice; first in line 2 (remove one of the two)",
    ),
    "bad cell": (
        'name,title,rack,虚构\nweb-1,"a,""b",r1,maybe\n',
        "servers.csv:2:18: server/web-1: `invented`: expected true or false, got the text 'maybe'",
    ),
    "bad reference": (
        "name,rack\nweb-1,r2\n",
        "servers.csv:2:7: server/web-1: `rack`: no rack is called 'r2'",
    ),
    "open quote": (
        'name,rack\nweb-1,"r1\n',
        "servers.csv:2:1: a quote opens in this row and never closes",
    ),
    "text after a quote": (
        'name,rack\nweb-1,"r1"x\n',
        "servers.csv:2:1: not CSV: ',' expected after '\"' (a quote in a cell is written twice: \"\")",
    ),
    "missing field": (
        "name,title\nweb-1,x\n",
        "servers.csv:2:1: server/web-1: `rack` is missing (机柜: The rack it is mounted in.)",
    ),
    "bad name": (
        "name,rack\n 海口,r1\n",
        (
            "servers.csv:2:1: '海口' cannot be a name "
            "(at most 63 of a-z, 0-9, `.`, `_` and `-`, with a letter or digit at both ends)"
        ),
    ),
    "long cell": (
        "name,title\nweb-1," + "x" * 200_000 + "\n",
        "servers.csv:2:1: a cell is longer than 131072 characters",
    ),
    "long line": (
        "name,title\n\n" + "," * 1_100_000 + "\n",
        "servers.csv:3:1: the line is longer than 1048576 characters",
    ),
    "NUL": ("name,rack\nweb\0,r1\n", "servers.csv:2:4: the file holds a NUL character; it is not text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, case: str) -> None:
    text, expected = WRONG[case]
    assert only_fault(make(tmp_path, base_yaml=BASE, servers_csv=text)) == expected


def test_a_file_of_no_kind(tmp_path: Path) -> None:
    workspace = make(
        tmp_path, base_yaml=BASE, a_yaml="servers: {s: {rack: r7}}", rakcs_csv="name,room\nr7,hall\n"
    )
    expected = "rakcs.csv: no kind is called 'rakcs': the file's name says it (did you mean 'racks'?)"
    assert faults(workspace) == [expected]


def test_mappings_have_no_form_in_a_table(tmp_path: Path) -> None:
    fault = only_fault(make(tmp_path, profiles_csv="name,values\np,x\n"))
    assert fault == ("profiles.csv:1:6: `values` is a mapping and has no form in a table (write it in YAML)")


def test_empty_tables_are_fine(tmp_path: Path) -> None:
    assert said(make(tmp_path, servers_csv="", racks_csv="name,room\n,,,\n\n", rooms_csv="\n\n")) == {}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_title_means_one_field(kind: str) -> None:
    titles = [info.doc.zh for info in fields(kind).values()]
    assert len(set(titles)) == len(titles)
    assert set(headers_of(kind).values()) == set(fields(kind))
