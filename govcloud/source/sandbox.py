"""The language of templates: Jinja2 without anything that reaches out, hangs or grows without bound.

Two fences. Jinja's immutable sandbox keeps templates away from Python. What it does not bound is bound
here: rounds of loops and calls and their time, the size of every text, list and number that an operation
can make, the filters and methods there are, and what is written.
"""

from __future__ import annotations

import ipaddress
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import StrictUndefined, Undefined, filters
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .tables import Row

# A round takes about a microsecond; the time is for what takes long within one.
MOST_ROUNDS = 1_000_000
MOST_SECONDS = 30.0
LONGEST_RANGE = 100_000
# Characters of a text and of all that is written, values in a list and in those in it.
LONGEST_TEXT = 16 * 1024 * 1024
LARGEST_LIST = 1_000_000
# No number is larger than an IPv6 address.
MOST_BITS = 128


class Beyond(Exception):
    """A template does more than it may; the message says what."""


class Budget:
    """What one rendering has used."""

    def __init__(self) -> None:
        self.rounds = self.written = 0
        self._until = time.monotonic() + MOST_SECONDS

    def tick(self) -> None:
        """One more round. Raises ``Beyond``."""
        self.rounds += 1
        if self.rounds > MOST_ROUNDS:
            raise Beyond(f"more than {MOST_ROUNDS:,} rounds of loops and macros")
        if time.monotonic() > self._until:
            raise Beyond(f"it takes longer than {MOST_SECONDS:.0f} seconds")

    def write(self, count: int) -> None:
        """So many more characters. Raises ``Beyond``."""
        self.written += count
        if self.written > LONGEST_TEXT:
            raise Beyond(f"it writes more than {LONGEST_TEXT >> 20} MiB")


def _fits(size: int, most: int, what: str) -> None:
    if size > most:
        raise Beyond(f"a {what} larger than {most:,}")


def _weigh(value: Any) -> None:
    """Raise ``Beyond`` for a list that unfolds to too much: the same one may stand in it many times."""
    known: dict[int, int] = {}

    def weight(one: Any, depth: int) -> int:
        if not isinstance(one, list | tuple | dict):
            return 1
        if depth > 50:
            raise Beyond("lists nested deeper than 50 levels")
        if id(one) not in known:
            inner = one.values() if isinstance(one, dict) else one
            known[id(one)] = 1 + sum(weight(each, depth + 1) for each in inner)
        return known[id(one)]

    _fits(weight(value, 0), LARGEST_LIST, "list")


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        _fits(len(left) + len(right), LONGEST_TEXT, "text")
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
        _fits(len(left) + len(right), LARGEST_LIST, "list")
        made = left + right  # type: ignore[operator]
        _weigh(made)
        return made
    return _number(left + right)


def _times(left: Any, right: Any) -> Any:
    for many, count in ((left, right), (right, left)):
        if isinstance(many, str | list | tuple) and isinstance(count, int):
            most = LONGEST_TEXT if isinstance(many, str) else LARGEST_LIST
            _fits(len(many) * count, most, "text" if isinstance(many, str) else "list")
            made = many * count
            _weigh(made)
            return made
    return _number(left * right)


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        _fits(left.bit_length() * right, MOST_BITS, "number of bits")
    elif not isinstance(left, int | float) or not isinstance(right, int | float):
        raise Beyond("`**` takes numbers")
    return left**right


def _modulo(left: Any, right: Any) -> Any:
    return _formatted(left, right) if isinstance(left, str) else left % right


def _number(value: Any) -> Any:
    if isinstance(value, int):
        _fits(value.bit_length(), MOST_BITS, "number of bits")
    return value


_SPEC = re.compile(r"%(?:0?[0-9]{0,2}(?:\.[0-9])?[sdxXof]|%)")


def _formatted(text: str, *values: Any) -> str:
    if "%" in _SPEC.sub("", text):
        raise Beyond("a format is like %s, %d or %03d")
    _fits(len(text) * 10 + sum(len(v) for v in values if isinstance(v, str)), LONGEST_TEXT, "text")
    if any(isinstance(value, list | dict | tuple) for value in values):
        raise Beyond("a format takes texts and numbers")
    return text % values


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _plus,
    "*": _times,
    "**": _power,
    "%": _modulo,
}

# Methods of values that can be called: none of them makes more than it is given.
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        [
            "upper",
            "lower",
            "strip",
            "lstrip",
            "rstrip",
            "split",
            "rsplit",
            "splitlines",
            "partition",
            "rpartition",
            "startswith",
            "endswith",
            "title",
            "capitalize",
            "removeprefix",
            "removesuffix",
            "isdigit",
            "isalpha",
            "isalnum",
            "find",
            "rfind",
            "count",
        ]
    ),
    list: frozenset(("index", "count")),
    tuple: frozenset(("index", "count")),
    dict: frozenset(("items", "keys", "values", "get")),
    Row: frozenset(("items", "keys", "values", "get")),
}


def _join(values: Iterable[Any], separator: str = "") -> str:
    texts = [str(_plain(value)) for value in values]
    _fits(sum(map(len, texts)) + len(separator) * len(texts), LONGEST_TEXT, "text")
    return separator.join(texts)


def _replace(text: str, old: str, new: str) -> str:
    _fits(len(text) + text.count(old) * len(new), LONGEST_TEXT, "text")
    return text.replace(old, new)


def _sum(values: Iterable[Any], attribute: str | None = None, start: int | float = 0) -> int | float:
    total: int | float = start
    for value in values:
        one = value[attribute] if attribute is not None else value
        if isinstance(one, str | list | tuple | dict):
            raise Beyond("`sum` takes numbers; make them with `|int`")
        total = _number(total + one)
    return total


def _int(value: Any, default: int | None = None) -> int:
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and len(text) > 40:
        raise Beyond("a number of more than 40 digits")
    try:
        return int(text)
    except (TypeError, ValueError, OverflowError):
        if default is None:
            raise Beyond(f"{str(value)[:40]!r} is not a whole number") from None
        return default


def _round(value: float, digits: int = 0) -> float:
    _fits(abs(digits), 20, "number of digits")
    return round(value, digits)


_ODD = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _tojson(value: Any) -> str:
    """A value as YAML reads it back, on one line; a text in quotes. `if` without `else` is null."""
    if isinstance(value, StrictUndefined):
        str(value)  # raises, and says which name it is
    elif isinstance(value, Undefined):
        value = None
    _weigh(value)
    if isinstance(value, dict):
        value = dict(value)
    return _ODD.sub(lambda odd: f"\\u{ord(odd.group()):04x}", json.dumps(value, ensure_ascii=False))


def _slug(text: Any) -> str:
    """A text as a name: small letters, digits and ``-``."""
    slug = re.sub(r"[^a-z0-9]+", "-", str(_plain(text))[:200].lower()).strip("-")[:63].strip("-")
    if not slug:
        raise Beyond(f"{str(text)[:40]!r} has no letters or digits that a name could be made of")
    return slug


def _pad(number: Any, width: int = 2) -> str:
    """A number with zeros before it."""
    _fits(width, 40, "width")
    return f"{_int(number):0{width}d}"


def _subnet(prefix: str, length: int, number: int) -> str:
    """The subnet of this length and number (from 0) of a prefix."""
    network = ipaddress.ip_network(prefix[:64])
    if not network.prefixlen <= length <= network.max_prefixlen:
        raise Beyond(f"/{length} is no part of {prefix[:64]}")
    if not 0 <= number < 1 << (length - network.prefixlen):
        raise Beyond(f"{prefix[:64]} has no subnet /{length} of number {number}")
    first = int(network.network_address) + (number << (network.max_prefixlen - length))
    return f"{ipaddress.ip_address(first) if network.version == 4 else ipaddress.IPv6Address(first)}/{length}"


def _host(prefix: str, number: int) -> str:
    """The address of this number (from 0, the prefix itself) in a prefix."""
    network = ipaddress.ip_network(prefix[:64])
    if not 0 <= number < network.num_addresses:
        raise Beyond(f"{prefix[:64]} has no address of number {number}")
    return str(network.network_address + number)


def _plain(value: Any) -> Any:
    """A value that can be written. Raises ``Beyond`` for a list or a mapping, and what is no value."""
    if isinstance(value, list | tuple | dict):
        raise Beyond("a list or a mapping cannot be written; use `|join(', ')` or `|tojson`")
    if isinstance(value, str | int | float):
        return value
    if value is None:
        return ""
    return value if isinstance(value, StrictUndefined) else str(value)[:200]


_OWN: dict[str, Callable[..., Any]] = {
    "format": _formatted,
    "host": _host,
    "int": _int,
    "join": _join,
    "pad": _pad,
    "replace": _replace,
    "round": _round,
    "slug": _slug,
    "subnet": _subnet,
    "sum": _sum,
    "tojson": _tojson,
}
_JINJAS = (
    "abs capitalize count d default dictsort first float groupby items last length list lower map max min "
    "reject rejectattr reverse select selectattr sort string title trim unique upper"
)


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment for one rendering."""

    intercepted_binops = frozenset(_OPERATORS)

    def __init__(self, table: Callable[[str], list[Row]]) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            optimized=False,
            finalize=self.written,
        )
        self.budget = Budget()
        self.filters: dict[str, Any] = {name: filters.FILTERS[name] for name in _JINJAS.split()} | _OWN
        namespace = self.globals["namespace"]
        self.globals = {"range": self.range, "table": table, "namespace": namespace}

    @property
    def round(self) -> None:
        """Asked for at the start of every round of a loop and every call of a macro."""
        self.budget.tick()

    def written(self, value: Any) -> Any:
        """Called with every value that is written."""
        value = _plain(value)
        if isinstance(value, str):
            if "\0" in value:
                raise Beyond("a value holds a NUL character")
            self.budget.write(len(value))
        else:
            self.budget.write(40)
        return value

    def concatenated(self, *values: Any) -> str:
        """What ``~`` makes."""
        return _join(values)

    def made(self, value: Any) -> Any:
        """Called with every list and mapping that a template writes out."""
        _weigh(value)
        return value

    @staticmethod
    def range(*bounds: int) -> range:
        """Python's, with an end."""
        numbers = range(*bounds)
        if len(numbers) > LONGEST_RANGE:
            raise Beyond(f"a range longer than {LONGEST_RANGE:,}")
        return numbers

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """``+``, ``*``, ``**`` and ``%`` with an end."""
        return _OPERATORS[operator](left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``row.title`` is the cell first, also where a column is called ``items``."""
        if isinstance(obj, Row):
            if attribute in obj:
                return obj[attribute]
            if attribute not in _METHODS[Row]:
                return self._no_column(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """``row["title"]``"""
        if isinstance(obj, Row) and argument not in obj:
            return self._no_column(obj, str(argument))
        return super().getitem(obj, argument)

    def _no_column(self, row: Mapping[str, str], name: str) -> Any:
        columns = ", ".join(list(row)[:24])
        return self.undefined(hint=f"the table has no column {name[:40]!r}; columns: {columns}")

    def wrap_str_format(self, value: Any) -> None:
        """``str.format`` is a method like others here: not one of those there are."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Only methods that make no more than they are given."""
        if not super().is_safe_attribute(obj, attr, value):
            return False
        known = _METHODS.get(type(obj))
        if known is None:
            return not callable(value) or type(obj).__module__ == "jinja2.runtime"
        return attr in known
