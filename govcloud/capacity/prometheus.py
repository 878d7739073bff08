"""Samples of use from a Prometheus, or whatever speaks its HTTP API (``/api/v1/query_range``).

A day at a time, so that an answer stays small; limits of time and size are policy. A token comes from a
secret, goes only to the address that the policy gives beside it, and never over plain HTTP to another
machine.
"""

from __future__ import annotations

import http.client
import math
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from ..errors import GovcloudError, InputError, Problem
from ..secrets.redaction import clean
from .figures import Review
from .samples import Batch, Unknown

# One question is about so long: at five minutes a sample, 288 of each instance.
WINDOW_S = 86400
# Series of an answer, bytes of the labels of one, and bytes that a sample takes at the most, as
# `[1793491200.123,"-1.2345678901234567e-05"],`.
MOST_SERIES = 100_000
MOST_LABELS = 1 << 16
SAMPLE_BYTES = 80
# An error's own words are read so far.
MOST_WORDS = 2000
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class _Series(msgspec.Struct):
    """One at a time is made of these words: an answer's numbers as objects would be forty times its size."""

    metric: msgspec.Raw = msgspec.Raw(b"{}")
    values: msgspec.Raw = msgspec.Raw(b"[]")


class _Data(msgspec.Struct):
    result_type: str = msgspec.field(default="", name="resultType")
    result: list[_Series] = []


class _Answer(msgspec.Struct):
    status: str = ""
    data: _Data | None = None
    error: str = ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """It is where it was said to be, and nowhere else: a token goes with the question."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def checked(url: str, token: bool) -> str:
    """An address as it may be asked. Raises ``InputError``."""
    problems = []
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise InputError(
            [Problem(f"--prometheus: {error}")], hint="an address as https://HOST:9090"
        ) from None
    if parts.scheme not in ("http", "https") or not host:
        problems.append(f"--prometheus: {url!r} is no address of a web service")
    if parts.username or parts.password:
        problems.append("--prometheus: the address holds a user or a password; they belong into a secret")
    if parts.query or parts.fragment:
        problems.append("--prometheus: the address ends before `?` and `#`")
    if token and parts.scheme == "http" and host not in LOOPBACK:
        problems.append("--prometheus: a token is not sent over plain HTTP to another machine")
    if problems:
        raise InputError([Problem(one) for one in problems], hint="an address as https://HOST:9090")
    return url.rstrip("/")


def is_of_token(url: str, numbers: Review) -> bool:
    """Whether an address is the one that the policy's token is for. Raises ``InputError`` where the policy
    does not say it, or it may not be asked with a token."""
    if not numbers.token:
        return False
    if not numbers.address:
        words = "profile/capacity-review: `token` names a secret, and no `address` says where it is sent"
        raise InputError([Problem(words)], hint="`address: https://HOST:9090` beside it; then apply")
    of = checked(numbers.address, token=True)
    return _same(of) == _same(url)


def _same(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port, parts.path.rstrip("/")


def batches(
    url: str,
    token: bytes | None,
    index: Mapping[str, int],
    unknown: Unknown,
    numbers: Review,
    since: float,
    until: float,
) -> Iterator[Batch]:
    """The samples of a time, a day at a time: of the CPUs, then of memory.

    Raises ``GovcloudError`` where it cannot be reached or says something else.
    """
    start = since
    while start < until:
        end = min(start + WINDOW_S, until)
        for what, query in (("cpu", numbers.cpu_query), ("memory", numbers.memory_query)):
            # The next day begins a step later: both ends of a range belong to it.
            last = end - numbers.step_s if end < until else end
            named: dict[int, str] = {}
            for series in _ask(url, token, query, start, max(start, last), numbers):
                labels, samples = _decoded(url, series, numbers)
                name = labels.get(numbers.label, "")
                batch = _batch(name, samples, what, index, unknown, numbers)
                if batch is not None:
                    who = batch.who[0]
                    if who in named:
                        _refuse_two(url, what, name, named[who], numbers)
                    named[who] = name
                    yield batch
        start = end


def _decoded(url: str, series: _Series, numbers: Review) -> tuple[dict[str, str], list[tuple[float, str]]]:
    """The labels and the samples of a series. Raises ``GovcloudError`` where it has more than were asked
    for."""
    labels, values = bytes(series.metric), bytes(series.values)
    most = WINDOW_S // numbers.step_s + 2
    if len(labels) > MOST_LABELS or len(values) > most * SAMPLE_BYTES:
        raise GovcloudError(f"{url} answers a series of more than the {most} samples that it is asked for")
    try:
        return (
            msgspec.json.decode(labels, type=dict[str, str]),
            msgspec.json.decode(values, type=list[tuple[float, str]]),
        )
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _no_prometheus(url, error) from None


def _no_prometheus(url: str, error: Exception) -> GovcloudError:
    return GovcloudError(f"{url} answers something else than a Prometheus does: {error}")


def _batch(
    name: str,
    samples: Iterable[tuple[float, str]],
    what: str,
    index: Mapping[str, int],
    unknown: Unknown,
    numbers: Review,
) -> Batch | None:
    who = _who(name, index, numbers)
    if who is None:
        unknown.names.setdefault(name or f"(no label {numbers.label})", 0)
        return None
    at, values = [], []
    for moment, text in samples:
        value = _number(text)
        if not math.isnan(value):
            at.append(moment)
            # A rate of counters may go a hair's breadth beyond.
            values.append(min(100.0, max(0.0, value)))
    nothing = [math.nan] * len(at)
    cpu, memory = (values, nothing) if what == "cpu" else (nothing, values)
    return Batch([who] * len(at), at, cpu, memory, nothing) if at else None


def _who(name: str, index: Mapping[str, int], numbers: Review) -> int | None:
    """The instance that a label names: by its name, by that with an exporter's port, or, where the policy
    says so, by the first part of a domain name. An address is nobody's name, whole or cut."""
    host, _, port = name.rpartition(":")
    host = host if port.isdigit() else name
    if name in index or host in index:
        return index.get(name, index.get(host))
    if numbers.label_of != "fqdn" or host.startswith("["):
        return None
    first, *rest = host.split(".")
    is_address = all(part.isdigit() for part in (first, *rest))
    return None if is_address or not rest else index.get(first)


def _refuse_two(url: str, what: str, name: str, other: str, numbers: Review) -> None:
    names = name if name == other else f"{other} and {name}"
    raise GovcloudError(
        f"{url} answers two series of {what} for one instance: {names}",
        hint=f"`{what}_query` of profile/capacity-review: `avg by ({numbers.label}) (…)` gives one for each",
    )


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _ask(
    url: str, token: bytes | None, query: str, start: float, end: float, numbers: Review
) -> list[_Series]:
    asked = urlencode({"query": query, "start": f"{start:.0f}", "end": f"{end:.0f}", "step": numbers.step_s})
    request = urllib.request.Request(
        f"{url}/api/v1/query_range?{asked}", headers={"Accept": "application/json"}
    )
    if token is not None:
        if not token.strip().isascii() or not token.strip().decode().isprintable():
            raise GovcloudError(
                "the token holds what no header can carry", hint="look at the secret's source"
            )
        request.add_unredirected_header("Authorization", f"Bearer {token.strip().decode()}")
    body = _in_time(request, url, numbers)
    # Each series opens two braces at the least.
    if body.count(b"{") > 3 * MOST_SERIES:
        raise GovcloudError(f"{url} answers more than {MOST_SERIES:,} series to one question")
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _no_prometheus(url, error) from None
    if answer.status != "success" or answer.data is None:
        raise GovcloudError(
            f"{url} refuses the question: {clean(answer.error)[:MOST_WORDS] or 'no reason given'}"
        )
    if answer.data.result_type != "matrix":
        raise GovcloudError(f"{url} answers a {answer.data.result_type or 'nothing'}, expected a matrix")
    return answer.data.result


def _in_time(request: urllib.request.Request, url: str, numbers: Review) -> bytes:
    """The whole answer. All of it has the limit of time: finding the machine, and each byte that it says."""
    done: Future[bytes] = Future()

    def work() -> None:
        try:
            done.set_result(_read(request, url, numbers))
        except BaseException as error:  # handed to who waits
            done.set_exception(error)

    # Nobody waits for it any more after that, nor does the end of the process.
    threading.Thread(target=work, name="prometheus", daemon=True).start()
    try:
        return done.result(numbers.timeout_s)
    except TimeoutError:
        raise GovcloudError(f"{url}: {_reason(TimeoutError(), numbers)}") from None


def _read(request: urllib.request.Request, url: str, numbers: Review) -> bytes:
    """The whole answer, within the limits of time and size."""
    limit, until = numbers.most_mib * 1024 * 1024, time.monotonic() + numbers.timeout_s
    # Over plain HTTP nobody in between is told.
    direct = [urllib.request.ProxyHandler({})] if request.type == "http" else []
    try:
        with urllib.request.build_opener(_NoRedirect, *direct).open(
            request, timeout=numbers.timeout_s
        ) as answer:
            parts, size = [], 0
            # Each read has the time limit, and all of them together have it too.
            while part := answer.read1(1 << 16):
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise GovcloudError(
                        f"{url} answers more than {numbers.most_mib} MiB to one question",
                        hint="`most_mib` of profile/capacity-review, or a longer `step_s`",
                    )
                if time.monotonic() > until:
                    raise TimeoutError
            return b"".join(parts)
    except urllib.error.HTTPError as error:
        with error:
            said = clean(error.read(MOST_WORDS).decode("utf-8", "replace")).strip()
        hint = (
            "profile/capacity-review: `token` names the secret that holds one, `address` where it goes"
            if error.code == 401
            else ""
        )
        raise GovcloudError(
            f"{url}: HTTP {error.code} {error.reason}: {said}".rstrip(": "), hint=hint
        ) from None
    except urllib.error.URLError as error:
        raise GovcloudError(f"{url}: {_reason(error.reason, numbers)}") from None
    except (OSError, http.client.HTTPException) as error:
        raise GovcloudError(f"{url}: {_reason(error, numbers)}") from None


def _reason(error: object, numbers: Review) -> str:
    if isinstance(error, TimeoutError):
        return f"no whole answer within {numbers.timeout_s:g} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
