"""The search for a leaked value finds it in every form: otherwise finding nothing would say nothing."""

from __future__ import annotations

import base64
import gzip
import io
import pickle
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.canary import Searcher, watched

VALUE = b"cnry-7f3a91c2e5-Wq8Zt/+x"


def tarred(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("inside")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", data * 3)
    return buffer.getvalue()


LEAKS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda v: b"x" + v,
    "utf-16": lambda v: v.decode().encode("utf-16"),
    "hex": lambda v: v.hex().encode(),
    "json": lambda v: b'{"a": "' + v + b'"}',
    "pickle": lambda v: pickle.dumps({"args": (v.decode(), 1)}),
    "pickle in base64": lambda v: base64.b64encode(pickle.dumps([v.decode()])),
    "gzip": lambda v: gzip.compress(b"a line\n" + v),
    "zlib in the middle": lambda v: b"page" * 9 + zlib.compress(b"before " + v) + b"after",
    "gzip in base64": lambda v: base64.b64encode(gzip.compress(v)),
    "tar": tarred,
    "gzip of tar": lambda v: gzip.compress(tarred(v)),
    "zip": zipped,
    "url-safe": base64.urlsafe_b64encode,
}


@pytest.mark.parametrize("form", LEAKS)
def test_a_leak_is_found_in_a_file(form: str, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "leak").write_bytes(LEAKS[form](VALUE))
    (tmp_path / "clean").write_bytes(LEAKS[form](b"cnry-another-value-00000"))
    assert list(Searcher(VALUE).in_tree(tmp_path)) == ["deep/er/leak"]


@given(before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_base64_is_found_at_every_alignment(before: bytes, after: bytes) -> None:
    assert list(Searcher(VALUE).within(base64.b64encode(before + VALUE + after)))


def test_a_leak_is_found_in_a_row_that_fills_several_pages(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("create table t (b blob)")
        connection.execute("insert into t values (?)", (gzip.compress(bytes(range(256)) * 99 + VALUE, 1),))
    assert list(Searcher(VALUE).in_tree(tmp_path)) == ["a.db"]


def test_a_leak_is_found_in_what_is_not_yet_in_the_database(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table t (b text)")
    connection.execute("insert into t values (?)", (VALUE.decode(),))
    connection.commit()
    assert "a.db-wal" in Searcher(VALUE).in_tree(tmp_path)
    connection.close()


@pytest.mark.parametrize("way", ["cmdline", "environ"])
def test_the_watch_sees_a_grandchild(way: str) -> None:
    value = VALUE.decode()
    leak = (
        f"['sleep', '0.5'], env={{'A': {value!r}}}"
        if way == "environ"
        else f"['sh', '-c', 'sleep 0.5', {value!r}]"
    )
    script = f"import subprocess; subprocess.run({leak})"
    process = subprocess.Popen([sys.executable, "-"], stdin=subprocess.PIPE, text=True)
    with watched(process, VALUE) as watch:
        process.communicate(script)
    assert any(found.startswith(way) for found in watch.found)
