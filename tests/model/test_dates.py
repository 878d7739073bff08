"""Dates are texts of three forms; which of them a calendar has is what Python's own says."""

from __future__ import annotations

from datetime import date, datetime

from hypothesis import given
from hypothesis import strategies as st

from govcloud.model import KINDS, fields
from govcloud.model.base import is_date


@given(st.dates(), st.datetimes())
def test_every_day_there_is_is_a_date_and_so_are_its_month_and_year(day: date, moment: datetime) -> None:
    text = day.isoformat()
    assert is_date(text) and is_date(text[:7]) and is_date(text[:4]) and is_date("")
    assert is_date(moment.isoformat(timespec="minutes")) and is_date(
        moment.isoformat(timespec="seconds") + "Z"
    )


@given(st.integers(1, 9999), st.integers(1, 12), st.integers(1, 31))
def test_what_fits_the_pattern_is_a_date_where_the_calendar_has_it(year: int, month: int, day: int) -> None:
    try:
        date(year, month, day)
    except ValueError:
        there = False
    else:
        there = True
    assert is_date(f"{year:04}-{month:02}-{day:02}") is there
    assert is_date(f"{year:04}-{month:02}-{day:02}T10:30") is there


def test_every_field_of_a_date_is_known_as_one() -> None:
    for kind in KINDS:
        for info in fields(kind).values():
            # A field that is meant for a date has the pattern of one, and so the mark.
            hint = str(info.hint)
            assert info.dated == (r"\d{4}-" in hint or r"\d{4}(-" in hint), (kind, info.name)
