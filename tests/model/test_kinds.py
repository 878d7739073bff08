"""Every kind and field says what it is, once, and whatever it points to is there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import Literal, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.model import KINDS, NAME_PATTERN, PLURALS, fields
from govcloud.model.base import Day, Moment, Planned, When
from govcloud.model.catalogue import split_ref
from govcloud.model.domains import DOMAINS, domain_of
from govcloud.model.rules import rules
from govcloud.model.words import type_words, with_article
from govcloud.source.csvfile import headers_of
from govcloud.source.scalars import plain

# The kinds that the design names.
DESIGN = """
region unit person delegation network vrf zone node interface link circuit exit address_plan
prefix private_network boundary exchange flow dns_zone site room rack server storage cable
contract cloud project quota flavor image instance volume security_group load_balancer
application component endpoint certificate dataset dependency website hotline service_entry
protection backup recovery_plan drill programme review evaluation budget waiver inspection
request wave rollout freeze profile target
"""
CHINESE = re.compile(r"[\u4e00-\u9fff]")
EVERY = [(kind, info) for kind in KINDS for info in fields(kind).values()]


@pytest.mark.parametrize("kind", KINDS)
def test_kind_says_what_it_is(kind: str) -> None:
    cls = KINDS[kind]
    assert CHINESE.search(cls.ZH)
    assert re.fullmatch(NAME_PATTERN, kind) and re.fullmatch(NAME_PATTERN, cls.PLURAL)
    sentence = (cls.__doc__ or "").strip().splitlines()[0]
    assert sentence.endswith(".") and sentence[0].isupper()


def test_names_of_kinds_are_unique_in_every_form() -> None:
    forms = Counter(form for kind, cls in KINDS.items() for form in {kind, cls.PLURAL, cls.ZH})
    assert [form for form, times in forms.items() if times > 1] == []
    assert {cls.PLURAL: kind for kind, cls in KINDS.items()} == PLURALS


def test_every_kind_of_the_design_is_there() -> None:
    assert sorted(set(DESIGN.split()) - set(KINDS)) == []


def test_every_kind_has_one_domain() -> None:
    counted = Counter(kind for _, kinds in DOMAINS.values() for kind in kinds)
    assert counted == Counter(list(KINDS))
    assert domain_of("storage") == "datacentre"
    with pytest.raises(KeyError):
        domain_of("storages")


@pytest.mark.parametrize("kind", KINDS)
def test_fields_say_what_they_mean(kind: str) -> None:
    for info in fields(kind).values():
        where = f"{kind}.{info.name}"
        assert CHINESE.search(info.doc.zh), where
        assert re.fullmatch(r"[^\u4e00-\u9fff].+[^.]\.", info.doc.en), where
        assert type_words(info), where


def test_no_word_is_something_else_in_yaml() -> None:
    # `on: 2020-01-31` has the key true for most readers of YAML, and `yes` is no text.
    words = {info.name for _, info in EVERY} | {*KINDS, *PLURALS}
    for _, info in EVERY:
        for one in (info.type, *get_args(info.type)):
            if get_origin(one) is Literal:
                words |= {word for word in get_args(one) if isinstance(word, str)}
    assert len(words) > 400
    assert sorted(word for word in words if plain(word) != word) == []


@pytest.mark.parametrize("kind", KINDS)
def test_titles_are_unique_in_a_kind(kind: str) -> None:
    # A table's header is a title with or without its unit; two fields of one title would be one column.
    found = headers_of(kind)
    for info in fields(kind).values():
        assert found[info.name] == info.name
        title = re.sub(r"\([^()]*\)$", "", info.doc.zh).replace(" ", "").lower()
        assert found[title] == info.name, f"{info.doc.zh} is the title of {found[title]} too"


@pytest.mark.parametrize("kind", KINDS)
def test_references_lead_to_kinds(kind: str) -> None:
    for info in fields(kind).values():
        if info.ref is None:
            continue
        assert info.ref.kinds and set(info.ref.kinds) <= set(KINDS), info.name
        assert len(set(info.ref.kinds)) == len(info.ref.kinds), info.name
        assert info.type in (str, list[str]), info.name
        one = "x" if len(info.ref.kinds) == 1 else f"{info.ref.kinds[0]}/x"
        assert split_ref(info.ref, one) == (info.ref.kinds[0], "x")


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_fit_or_stand_for_nothing(kind: str) -> None:
    for info in fields(kind).values():
        if info.required:
            continue
        msgspec.convert(info.default, info.type)
        try:
            msgspec.convert(info.default, info.hint)
        except msgspec.ValidationError:
            assert info.default == 0, info.name  # below the least that can be written: not known


def test_holds_stands_where_addresses_are() -> None:
    held = {(kind, info.name): info.holds.what for kind, info in EVERY if info.holds}
    assert held["node", "loopback4"] == held["instance", "ipv6"] == held["interface", "ipv4"] == "itself"
    assert held["network", "ipv4"] == "first"
    assert held["link", "ipv6"] == "both"
    # Whatever is called by a version of IP and takes a text holds addresses.
    named = {
        (kind, i.name)
        for kind, i in EVERY
        if re.fullmatch(r"(ipv|loopback|management)[46]", i.name) and i.type is str
    }
    # And the second addresses of name servers, which are a list.
    named |= {("dns_zone", "dns64")}
    assert named == set(held)


def test_rules_that_fields_name_are_rules() -> None:
    named = {rule for _, info in EVERY for rule in info.doc.rules}
    assert named <= set(rules())
    for kind, info in EVERY:
        assert len(set(info.doc.rules)) == len(info.doc.rules), f"{kind}.{info.name}"


def test_every_rule_is_read_from_some_field() -> None:
    named = {rule for _, info in EVERY for rule in info.doc.rules}
    assert sorted(set(rules()) - named) == []


def test_the_list_of_rules() -> None:
    groups = Counter(rule[0] for rule in rules())
    assert groups == {"N": 24, "C": 13, "D": 12, "R": 10, "S": 16, "F": 12, "E": 13, "X": 12, "O": 7}
    assert sum(groups.values()) == 119
    strengths = {"flat", "in_principle", "guidance", "dated", "allowance", "explored", "derived"}
    for rule in rules().values():
        assert rule.strength in strengths
        for place in rule.source.split(";"):
            assert re.match(r" ?00[0-4]:L\d+ \[.+\]$", place), rule
        assert rule.subject and rule.condition and rule.verdict


def test_planned_kinds_share_what_a_plan_says() -> None:
    # Rows of the documents find a home for leads, users, needs, a dated goal and figures.
    for kind in ("application", "component", "exchange", "website", "hotline", "service_entry", "dataset"):
        assert issubclass(KINDS[kind], Planned)
    for kind in ("zone", "circuit", "exit", "private_network", "site", "cloud", "programme", "regime"):
        assert issubclass(KINDS[kind], Planned)


def test_a_word_with_its_article() -> None:
    assert [with_article(w) for w in ("unit", "exit", "node", "application", "image")] == [
        "a unit",
        "an exit",
        "a node",
        "an application",
        "an image",
    ]


@given(st.dates())
def test_every_date_is_a_day_and_a_target(day: object) -> None:
    text = str(day)
    assert msgspec.convert(text, Day) == msgspec.convert(text, When) == text
    assert msgspec.convert(text[:7], When) == text[:7]
    assert msgspec.convert(text[:4], When) == text[:4]


@given(st.datetimes())
def test_every_time_is_a_moment(time: object) -> None:
    text = str(time).replace(" ", "T")[:16]
    for end in ("", ":07", "Z", "+08:00", ":07Z"):
        assert msgspec.convert(text + end, Moment) == text + end


@pytest.mark.parametrize("wrong", ["2020-13-01", "2020-1-1", "2020-00", "20-01-01", "2020-01-32", "2020年"])
def test_what_is_no_date_is_refused(wrong: str) -> None:
    for type_ in (Day, When):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, type_)


def test_reading_the_model_stays_cheap() -> None:
    # Annotations are evaluated when a kind is first used, never at import: a thousand would cost 50 ms.
    code = (
        "import govcloud.model as m, sys\n"
        "late = [k for k, c in m.KINDS.items()"
        " if not all(isinstance(a, str) for a in c.__dict__['__annotations__'].values())]\n"
        "assert not late, late\n"
        "assert 'csv' not in sys.modules and 'govcloud.model.rules' not in sys.modules\n"
        "m.fields('server')\n"
        "assert not isinstance(m.KINDS['server'].__annotations__['rack'], str)\n"
        "assert isinstance(m.KINDS['site'].__annotations__['region'], str)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
