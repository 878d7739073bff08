"""Texts that others wrote, inside of Markdown: they open no tag, no link, no cell, and call nobody."""

from __future__ import annotations

import html
import re

from ..printable import visible

# What GitHub and GitLab make of a text of their own accord: people, issues, requests, labels, addresses.
CALLS = re.compile(r"[@#!~$%&^][\w{\[\"']|://|www\.|\b[A-Za-z]{2,10}-\d+\b(?=\S*@)|\b[0-9a-f]{7,40}\b|\w@\w")
_MARKS = re.compile(r"[\\`*_\[\]|~]|^[-+=>#]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")


def inline(text: str, *, cell: bool = False) -> str:
    """A text in a line of Markdown, read as it is written; ``cell``: in a table.

    What a forge would turn into a link or a call by itself stands as code, where nothing is read.
    """
    text = visible(text)
    if CALLS.search(text):
        return code(text, cell=cell)
    return _MARKS.sub(r"\\\g<0>", html.escape(text, quote=False).replace("&amp;", "&"))


def code(text: str, *, cell: bool = False) -> str:
    """A text as code, within a line; ``cell``: in a table, where a bar would end it all the same."""
    text = visible(text)
    if not text:
        return ""
    longest = max(map(len, re.findall("`+", text)), default=0)
    ends = "`" * (longest + 1)
    pad = " " if text[0] == "`" or text[-1] == "`" or text.strip() != text else ""
    out = f"{ends}{pad}{text}{pad}{ends}"
    # A table's bars are found before its code is.
    return out.replace("|", "\\|") if cell else out
