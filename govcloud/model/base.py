"""What every kind in the ledger shares: fields with their meaning, references, the register of kinds.

A kind is a ``msgspec.Struct``. Each field carries a ``Doc`` (Chinese title and an English
sentence) and, when it names another entry, a ``Ref``. Nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from inspect import get_annotations
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

import msgspec

# Names become host names, resource names and file names, so the alphabet is theirs (RFC 1123
# labels, plus the dot and underscore that domain names and NetBox slugs use).
NAME_PATTERN = r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"


@dataclass(frozen=True)
class Doc:
    """A field's Chinese title, the English sentence that explains it, the rules that read it.

    ``rules`` are ids of ``govcloud.model.rules``, e.g. ``("N-11", "N-12")``.
    """

    zh: str
    en: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ref:
    """The field holds the name (or a list of names) of an entry of one of these kinds.

    With one kind the value is a bare name; with several it is ``kind/name``. ``early``: it may be named
    before it is there.
    """

    kinds: tuple[str, ...]
    early: bool = False

    def __init__(self, *kinds: str, early: bool = False) -> None:
        object.__setattr__(self, "kinds", kinds)
        object.__setattr__(self, "early", early)


@dataclass(frozen=True)
class Holds:
    """The field holds IP addresses, and this is how much of what stands in it is taken.

    ``itself``: the one address written there (with or without a prefix length); ``first``: the
    first host address of the prefix (a network's gateway has it); ``both``: both addresses of a
    /31 or /127 (the two ends of a link).
    """

    what: Literal["itself", "first", "both"]


@dataclass(frozen=True)
class Dated:
    """The field's text is a date or a time; the pattern beside it knows no calendar, ``is_date`` does."""


# Dates are texts, as YAML 1.2 reads them. A day is exact; a target may be a year or a month.
Day = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))?$",
        description="a day as YYYY-MM-DD",
    ),
    Dated(),
]
When = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?)?$",
        description="a year, a month or a day, as YYYY, YYYY-MM or YYYY-MM-DD",
    ),
    Dated(),
]
Moment = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?"
        r"(Z|[+-]\d{2}:\d{2})?)?$",
        description="a time as YYYY-MM-DDTHH:MM, with Z or an offset where it is not local",
    ),
    Dated(),
]


@lru_cache(maxsize=1 << 16)
def is_date(text: str) -> bool:
    """Whether a text of one of the forms above is in the calendar: 2026-02-30 and the year 0000 are not.

    Remembered by text, for a million entries share a few thousand days.
    """
    try:
        if len(text) > 10:
            datetime.fromisoformat(text)
        else:
            # A year and a month have a first of January and a first day.
            date.fromisoformat(text + "0001-01-01"[len(text) :])
    except ValueError:
        return not text
    return True


# What is not known is said to be unknown, never taken for a no. (YAML reads `yes` and `no` as truth.)
Answer = Literal["confirmed", "denied", "unknown"]
# The states of 001:L242: 新建, 在建, 已建, 改建; and the end (001:L342).
Life = Literal["planned", "building", "running", "rebuilding", "retired"]
# Administrative levels of 001:L154 with the centre above them; a county-level city is a county.
Level = Literal["centre", "province", "city", "county", "town", "village"]

Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = msgspec.Meta(gt=0)
NotNegative = msgspec.Meta(ge=0)
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
# Levels of GB/T 22239 that its cloud rows know; a field keeps its default 0 where none was determined.
Grade = Annotated[int, msgspec.Meta(ge=1, le=4)]


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What every entry of the ledger can say about itself."""

    KIND: ClassVar[str] = ""
    PLURAL: ClassVar[str] = ""
    ZH: ClassVar[str] = ""

    title: Annotated[str, Doc("名称", "The name in Chinese, as people say it.")] = ""
    source: Annotated[
        str,
        Doc("来源", "Documents, lines and rows that the entry comes from, e.g. `001:L244 S001-065`."),
    ] = ""
    invented: Annotated[
        bool, Doc("虚构", "True where a sample made the figures up; no document says them.")
    ] = False
    inferred: Annotated[
        list[str], Doc("推断字段", "Fields whose values were inferred by a reader; no document says them.")
    ] = []
    was: Annotated[str, Doc("曾用名", "The entry's former name; a rename keeps its identity.")] = ""
    aliases: Annotated[list[str], Doc("别名", "Other names that documents call it by.")] = []
    note: Annotated[str, Doc("备注", "What else is worth saying about it.")] = ""


class Planned(Entry, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a plan of the province says of the things it is about: who, for whom, on what, by when."""

    leads: Annotated[
        list[str], Ref("unit"), Doc("牵头单位", "Units that lead it, where it is not one unit alone.")
    ] = []
    users: Annotated[
        list[str], Ref("unit"), Doc("使用对象", "Who uses it: units, or a group of them as one unit entry.")
    ] = []
    needs: Annotated[
        list[str],
        Ref(
            "zone", "private_network", "circuit", "exit", "exchange", "site", "cloud", "component", "dataset"
        ),
        Doc("所需底座资源", "What it needs of the base, as `kind/name`."),
    ] = []
    due: Annotated[When, Doc("目标期限", "When the goal is to be reached; the last date where several.")] = ""
    goal: Annotated[str, Doc("目标内容", "What is to be reached by then, with its figure.")] = ""
    figures: Annotated[
        dict[str, float], Doc("统计数字", "Figures that a document states, by name, e.g. `servers: 632`.")
    ] = {}


@dataclass(frozen=True)
class FieldInfo:
    """One field of a kind: its name, type, meaning, the kinds it may refer to, its default."""

    name: str
    type: Any
    doc: Doc
    ref: Ref | None
    required: bool
    default: Any
    many: bool
    holds: Holds | None = None
    # The type with all that is said of it (``Annotated``): limits and patterns too.
    hint: Any = None
    # Whether the text is a date or a time, which ``is_date`` judges.
    dated: bool = False


KINDS: dict[str, type[Entry]] = {}
PLURALS: dict[str, str] = {}


def kind(name: str, plural: str, zh: str):  # type: ignore[no-untyped-def]
    """Register a struct as the kind ``name``; files call a table of them ``plural``."""

    def register(cls: type[Entry]) -> type[Entry]:
        cls.KIND, cls.PLURAL, cls.ZH = name, plural, zh
        KINDS[name] = cls
        PLURALS[plural] = name
        return cls

    return register


_fields_cache: dict[str, dict[str, FieldInfo]] = {}


def fields(kind_name: str) -> dict[str, FieldInfo]:
    """The fields of a kind by name, in the order of their declaration.

    Raises ``KeyError`` for a kind that is not registered.
    """
    known = _fields_cache.get(kind_name)
    if known is None:
        known = _fields_cache[kind_name] = _read_fields(KINDS[kind_name])
    return known


@cache
def _hints(cls: type) -> dict[str, Any]:
    # Annotations are texts until they are wanted (evaluating a thousand of them is what an import would
    # cost). Each class is evaluated once, and keeps the result, where msgspec finds it too.
    out: dict[str, Any] = {}
    for base in reversed(cls.__bases__):
        if issubclass(base, Entry):
            out |= _hints(base)
    own = get_annotations(cls, eval_str=True)
    cls.__annotations__.update(own)
    return out | own


def _read_fields(cls: type[Entry]) -> dict[str, FieldInfo]:
    hints = _hints(cls)
    out: dict[str, FieldInfo] = {}
    for f in msgspec.structs.fields(cls):
        hint = hints[f.name]
        doc, ref, holds, dated, bare = Doc("", ""), None, None, False, hint
        if get_origin(hint) is Annotated:
            bare, *notes = get_args(hint)
            for note in notes:
                if isinstance(note, Doc):
                    doc = note
                elif isinstance(note, Ref):
                    ref = note
                elif isinstance(note, Holds):
                    holds = note
                elif isinstance(note, Dated):
                    dated = True
        default = None
        if f.default is not msgspec.NODEFAULT:
            default = f.default
        elif f.default_factory is not msgspec.NODEFAULT:
            default = f.default_factory()
        out[f.name] = FieldInfo(
            name=f.name,
            type=bare,
            doc=doc,
            ref=ref,
            required=f.required,
            default=default,
            many=get_origin(bare) is list,
            holds=holds,
            hint=hint,
            dated=dated,
        )
    return out
