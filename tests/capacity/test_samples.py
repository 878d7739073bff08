"""Samples of use: read from files and from what speaks Prometheus' API, summed up, and told where they are
wrong."""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.capacity import prometheus
from govcloud.capacity.figures import Review
from govcloud.capacity.measuring import Measured, Pause, measure
from govcloud.capacity.samples import Batch, Unknown, batches
from govcloud.errors import GovcloudError, InputError

HEAD = "time,instance,cpu_percent,memory_percent\n"
INDEX = {"a": 0, "b": 1}
# Nothing is left out, and one sample is enough.
ALL = Review(first_h=0, samples=1, days=0)


def read(
    path: Path, text: str | bytes, unknown: Unknown | None = None, numbers: Review = ALL
) -> dict[int, Measured]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return measure(len(INDEX), batches(path, INDEX, unknown or Unknown()), numbers)


def test_mean_percentile_and_highest(tmp_path: Path) -> None:
    rows = [f"2026-11-01T{n // 60:02}:{n % 60:02},a,{n},50" for n in range(101)]
    found = read(tmp_path / "s.csv", HEAD + "\n".join(rows) + "\n")
    assert found.keys() == {0}
    assert found[0].samples == 101 and found[0].cpu is not None and found[0].memory is not None
    assert (found[0].cpu.mean, found[0].cpu.percentile, found[0].cpu.highest) == (50, 95, 100)
    assert (found[0].memory.mean, found[0].memory.percentile) == (50, 50)
    assert found[0].until - found[0].since == 6000


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=80), st.floats(1, 99))
def test_a_percentile_is_right_to_half_a_percent(values: list[float], percentile: float) -> None:
    numbers = Review(first_h=0, percentile=percentile)
    nothing = [math.nan] * len(values)
    batch = Batch([0] * len(values), list(range(1, len(values) + 1)), values, nothing, nothing)
    found = measure(1, [batch], numbers)[0].cpu
    exact = sorted(values)[math.ceil(len(values) * percentile / 100) - 1]
    assert found is not None
    assert exact - 0.01 <= found.percentile < exact + 0.51


def test_chinese_headers_gbk_and_seconds(tmp_path: Path) -> None:
    text = "时间,云主机,CPU使用率(%),内存使用率(%)\n1793520000,a,10,20\n1793520300,a,20,\n"
    found = read(tmp_path / "s.csv", text.encode("gbk"))
    assert found[0].samples == 2
    assert found[0].cpu is not None and found[0].cpu.mean == 15
    assert found[0].memory is not None and found[0].memory.mean == 20


def test_every_wrong_row_is_told_with_its_line(tmp_path: Path) -> None:
    rows = [
        "2026-11-01T08:00,a,1,2",
        "yesterday,a,1,2",
        "2026-11-01T08:05,a,101,2",
        "2026-11-01T08:05,a,nan,2",
        "2026-11-01T08:05,a,=1+1,2",
        "2026-11-01T08:05,a",
        "2026-11-01T08:05,,1,2",
        "2026-11-01T08:00,a,1,2",
        "2026-11-01T07:00,a,1,2",
        "2026-11-01T08:10,a,,",
        "2026-13-01T08:10,a,1,1",
        "9e99,a,1,1",
        "",
        "2026-11-01T08:15,a,1,2",
    ]
    with pytest.raises(InputError) as caught:
        read(tmp_path / "s.csv", HEAD + "\n".join(rows) + "\n")
    assert [p.line for p in caught.value.problems] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert all(p.path.endswith("s.csv") and p.message for p in caught.value.problems)
    assert "twice" in str(caught.value.problems[6]) and "after a later one" in str(caught.value.problems[7])


def test_a_file_of_something_else_ends_soon(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / "s.csv", "name,size\nx,1\n")
    assert caught.value.problems[0].message == "no column is called `time`"
    with pytest.raises(InputError) as caught:
        read(tmp_path / "s.csv", HEAD + "x,y,z,w\n" * 1000)
    assert len(caught.value.problems) < 60
    with pytest.raises(InputError):
        read(tmp_path / "s.csv", b"\xff\xfe\x00\x00" + b"\x01" * 10)
    with pytest.raises(InputError):
        list(batches(tmp_path / "none.csv", INDEX, Unknown()))


def test_a_date_is_not_taken_for_seconds_nor_one_column_for_another(tmp_path: Path) -> None:
    times = ("20261101", "2026110108", "202611010805", "1970-01-02", "0")
    with pytest.raises(InputError) as caught:
        read(tmp_path / "s.csv", HEAD + "".join(f"{text},a,1,1\n" for text in times))
    assert [p.line for p in caught.value.problems] == [2, 3, 4, 5, 6]
    assert all("`time` is" in p.message for p in caught.value.problems)
    with pytest.raises(InputError) as caught:
        read(tmp_path / "s.csv", "time,instance,cpu,cpu_percent,note,note\n2026-11-01,a,1,99,x,y\n")
    assert [p.message for p in caught.value.problems] == [
        "two columns are of the same: `cpu` and `cpu_percent`"
    ]


def test_days_of_which_nothing_is_are_not_looked_at() -> None:
    """Many samples of one day and one of a week later are of two days; those of half a day of half a one."""
    at = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    many = [at + 60 * n for n in range(320)]
    # Memory comes after the CPU, for the same time, and in a batch of its own.
    batches = [
        Batch([who] * len(times), times, cpu, memory, [math.nan] * len(times))
        for who, times in ((0, [*many, at + 8 * 86400]), (1, many))
        for one, none in [([1.0] * len(times), [math.nan] * len(times))]
        for cpu, memory in ((one, none), (none, one))
    ]
    found = measure(2, batches, ALL)
    assert found[0].days == 2
    assert found[1].days == pytest.approx(319 / 1440)


def test_strangers_are_told_and_do_no_harm(tmp_path: Path) -> None:
    unknown = Unknown()
    found = read(tmp_path / "s.csv", HEAD + "2026-11-01,x,1,1\n2026-11-01,a,1,1\n2026-11-01,x,1,1\n", unknown)
    assert found.keys() == {0} and unknown.names == {"x": 2}


def test_starts_freezes_and_windows_are_left_out(tmp_path: Path) -> None:
    """Of two days of hours: the first two, an hour of a freeze of b alone, and a window each night."""
    at = datetime(2026, 11, 1).timestamp()
    times = [at + 3600 * n for n in range(48)]
    rows = "".join(f"{t:.0f},{name},50,50\n" for t in times for name in INDEX)
    path = tmp_path / "s.csv"
    path.write_text(HEAD + rows)
    numbers = Review(first_h=2, maintenance=["daily 23:00-01:00"])
    pause = Pause(at + 5 * 3600, at + 6 * 3600, frozenset({1}))
    found = measure(2, batches(path, INDEX, Unknown()), numbers, [pause])
    # 48 less two of the start (one of which is in the window), less 23, 0 and 23 o'clock.
    assert found[0].samples == 48 - 2 - 3
    assert found[1].samples == found[0].samples - 1
    assert found[0].left_out + found[0].samples == 48


def test_a_new_start_is_left_out_where_the_samples_tell_it(tmp_path: Path) -> None:
    text = "time,instance,cpu_percent,uptime_s\n"
    text += "2026-11-01T08:00,a,99,7200\n2026-11-01T12:00,a,10,21600\n2026-11-01T13:00,a,99,60\n"
    found = read(tmp_path / "s.csv", text, numbers=Review(first_h=1))
    assert (found[0].samples, found[0].left_out) == (1, 2)
    assert found[0].cpu is not None and found[0].cpu.highest == 10


# -- Prometheus -----------------------------------------------------------------------------------


class Server:
    """What speaks the API on loopback, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, list[str]]], tuple[int, bytes]] = self.matrix
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                token = self.headers.get("Authorization")
                outer.asked.append({"path": urlsplit(self.path).path, "query": query, "token": token})
                code, body = outer.answer(query)
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                # Who asks may have enough before it ends.
                with suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def matrix(self, query: dict[str, list[str]]) -> tuple[int, bytes]:
        """Samples of two machines at each step; of the CPUs as the hour is, of memory 40."""
        start, end, step = (float(query[key][0]) for key in ("start", "end", "step"))
        count = int((end - start) // step) + 1
        cpu = "cpu" in query["query"][0]
        values = [[start + n * step, str(n % 24 if cpu else 40)] for n in range(count)]
        result = [
            {"metric": {"instance": "a:9100"}, "values": values},
            {"metric": {"instance": "b.example:9100"}, "values": [[start, "NaN"], *values[1:]]},
            {"metric": {"instance": "stranger"}, "values": values},
        ]
        return 200, json.dumps(
            {"status": "success", "data": {"resultType": "matrix", "result": result}}
        ).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def asked(
    server: Server, numbers: Review = ALL, token: bytes | None = None, days: float = 1
) -> dict[int, Measured]:
    since = datetime(2026, 11, 1).timestamp()
    found = prometheus.batches(server.url, token, INDEX, Unknown(), numbers, since, since + days * 86400)
    return measure(2, found, numbers)


def test_a_prometheus_is_asked_day_by_day(server: Server) -> None:
    numbers = Review(first_h=0, step_s=3600, label_of="fqdn")
    unknown = Unknown()
    since = datetime(2026, 11, 1).timestamp()
    source = prometheus.batches(server.url, b"s3cret\n", INDEX, unknown, numbers, since, since + 3 * 86400)
    found = measure(2, source, numbers)
    assert len(server.asked) == 6
    assert {one["path"] for one in server.asked} == {"/api/v1/query_range"}
    assert {one["token"] for one in server.asked} == {"Bearer s3cret"}
    # 24 of two days each, and both ends of the last.
    assert found[0].samples == 73 and found[0].cpu is not None and found[0].memory is not None
    assert found[0].cpu.highest == 23 and found[0].memory.mean == 40
    assert found[1].memory is not None and unknown.names.keys() == {"stranger"}


def series(*names: str, samples: int = 2) -> bytes:
    values = [[1793491200 + 300 * n, "7"] for n in range(samples)]
    result = [{"metric": {"instance": name}, "values": values} for name in names]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def test_a_machine_is_who_it_says_it_is(server: Server) -> None:
    """An address, cut at its first dot, is nobody; a host's name is not another's of another domain."""
    since = datetime(2026, 11, 1).timestamp()
    index = {"10": 0, "b": 1}
    server.answer = lambda _: (200, series("10.0.0.7:9100", "b.one:9100", "[::1]:9100"))
    for label_of, known in (("name", set()), ("fqdn", {1})):
        numbers = msgspec.convert({"first_h": 0, "label_of": label_of}, Review)
        unknown = Unknown()
        found = prometheus.batches(server.url, None, index, unknown, numbers, since, since + 86400)
        assert measure(2, found, numbers).keys() == known
        assert unknown.names.keys() >= {"10.0.0.7:9100", "[::1]:9100"}
    server.answer = lambda _: (200, series("b.one:9100", "b.two:9100"))
    with pytest.raises(GovcloudError, match=r"for one instance: b\.one:9100 and b\.two:9100"):
        asked(server, Review(label_of="fqdn"))
    server.answer = lambda _: (200, series("b", "b"))
    with pytest.raises(GovcloudError, match="two series of cpu for one instance: b"):
        asked(server)


def test_nothing_is_made_of_more_than_was_asked_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answer = lambda _: (200, series("a", samples=2000))
    with pytest.raises(GovcloudError, match="more than the 26 samples"):
        asked(server, Review(step_s=3600))
    monkeypatch.setattr(prometheus, "MOST_SERIES", 2)
    server.answer = lambda _: (200, series(*(f"i{n}" for n in range(9))))
    with pytest.raises(GovcloudError, match="more than 2 series"):
        asked(server)


def test_the_limit_of_time_is_of_all_that_is_said() -> None:
    """Who says a byte now and then is not waited for, in a header no more than in a body."""
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not ended.wait(0.02):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: drip(listening.accept()[0]), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(GovcloudError, match=r"no whole answer within 0\.2 s"):
            list(prometheus.batches(url, None, INDEX, Unknown(), Review(timeout_s=0.2), 0.0, 60.0))
        ended.set()
        thread.join()


def test_a_token_is_for_the_address_that_stands_beside_it() -> None:
    numbers = Review(token="watch", address="https://mon.example:9090/")
    assert prometheus.is_of_token("https://mon.example:9090", numbers)
    for other in ("https://mon.example:9091", "http://mon.example:9090", "https://mon.example.evil:9090"):
        assert not prometheus.is_of_token(other, numbers)
    assert not prometheus.is_of_token("https://mon.example", Review())
    with pytest.raises(InputError, match="1 problem"):
        prometheus.is_of_token("https://mon.example", Review(token="watch"))
    with pytest.raises(InputError, match="1 problem"):
        prometheus.is_of_token("http://mon.example", Review(token="watch", address="http://mon.example"))


def test_what_is_no_answer_is_told(server: Server) -> None:
    for answer, words in (
        ((200, b"<html>"), "something else"),
        ((200, b'{"status": "error", "error": "bad query"}'), "bad query"),
        (
            (200, b'{"status": "success", "data": {"resultType": "vector", "result": []}}'),
            "expected a matrix",
        ),
        ((401, b"who are you"), "HTTP 401"),
        ((302, b""), "HTTP 302"),
        ((500, b"oh"), "HTTP 500"),
    ):
        server.answer = lambda _, answer=answer: answer  # type: ignore[misc]
        with pytest.raises(GovcloudError, match=words):
            asked(server)
    assert not any(one["path"] == "/elsewhere" for one in server.asked)


def test_an_answer_has_a_largest_size_and_a_longest_time(server: Server) -> None:
    server.answer = lambda _: (200, b" " * (1024 * 1024 + 1))
    with pytest.raises(GovcloudError, match="more than 1 MiB"):
        asked(server, Review(most_mib=1))
    waits = threading.Event()
    server.answer = lambda _: (waits.wait(5), (200, b"{}"))[1]
    with pytest.raises(GovcloudError, match=r"within 0\.05 s"):
        asked(server, Review(timeout_s=0.05))
    waits.set()


def test_nobody_is_there() -> None:
    with pytest.raises(GovcloudError, match="Connection refused"):
        list(prometheus.batches("http://127.0.0.1:9", None, INDEX, Unknown(), ALL, 0.0, 60.0))


@pytest.mark.parametrize(
    "url", ["ftp://x", "x:9090", "http://", "http://u:p@h", "http://h?a=b", "http://h:99999", "https://[x"]
)
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(InputError):
        prometheus.checked(url, token=False)


def test_a_token_is_not_sent_over_plain_http_to_another_machine() -> None:
    assert prometheus.checked("http://127.0.0.1:9090/", token=True) == "http://127.0.0.1:9090"
    assert prometheus.checked("http://mon.example", token=False)
    with pytest.raises(InputError, match="1 problem"):
        prometheus.checked("http://mon.example", token=True)
    with pytest.raises(GovcloudError, match="no header"):
        list(prometheus.batches("http://127.0.0.1:9", b"a\nb", INDEX, Unknown(), ALL, 0.0, 60.0))
