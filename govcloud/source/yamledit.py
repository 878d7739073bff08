"""Changing a value in the text of a YAML file, and nothing else: no comment, order, quote or space moves.

PyYAML tells where each value begins and ends; only that stretch is written anew. A library that writes
the whole file again would fold and indent lines that nobody asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from .editing import CannotEdit, plain

Pair = tuple[yaml.Node, yaml.Node]


def set_value(text: str, plural: str, name: str, field: str, value: Any) -> str:
    """The text with one field of an entry at another value, also where it was not said before."""
    entry = _pair(_kind(text, plural), name)[1]
    if not isinstance(entry, yaml.MappingNode) or not entry.value:
        raise CannotEdit("the entry has no fields of its own in the file")
    new = _scalar(value, flow=bool(entry.flow_style))
    found = next((pair for pair in entry.value if pair[0].value == field), None)
    if found is None:
        return _insert(text, entry, f"{field}: {new}")
    node = found[1]
    begin, end = node.start_mark.index, node.end_mark.index
    if not entry.start_mark.index <= begin < entry.end_mark.index:
        raise CannotEdit(f"`{field}` is shared with other entries by an anchor (`&` and `*`)")
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return _longer(text, node, field, value)
    flat = isinstance(node, yaml.SequenceNode) and "\n" not in text[begin:end] and "&" not in text[begin:end]
    if not flat and (not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">")):
        raise CannotEdit(f"`{field}` is no value of one line")
    return text[:begin] + new + text[end:]


def _longer(text: str, node: yaml.SequenceNode, field: str, value: Any) -> str:
    """The text with a list of one value a line that goes on; what stood there stands as it did."""
    old = [item.value for item in node.value]
    if not isinstance(value, list) or list(map(str, value[: len(old)])) != old:
        raise CannotEdit(f"`{field}` is a list with one value a line")
    indent = " " * (node.value[0].start_mark.column - 2)
    at = text.find("\n", node.value[-1].end_mark.index) + 1
    lines = "".join(f"{indent}- {_scalar(one, flow=False)}\n" for one in value[len(old) :])
    return text[:at] + lines + text[at:] if at else f"{text}\n{lines}"


def add_entry(text: str, plural: str, name: str, fields: Mapping[str, Any]) -> str:
    """The text with one entry more, behind the others of its kind or at the end."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    lines = [
        f"{_scalar(name, flow=False)}:",
        *(f"  {field}: {_scalar(value, flow=False)}" for field, value in fields.items()),
    ]
    number = next((n for n, (key, _) in enumerate(pairs) if key.value == plural), None)
    if number is None:
        gap = "\n" if text.strip() else ""
        text += "" if not text or text.endswith("\n") else "\n"
        return text + gap + "\n".join([f"{plural}:", *(f"  {line}" for line in lines)]) + "\n"
    table = pairs[number][1]
    if not isinstance(table, yaml.MappingNode) or table.flow_style or not table.value:
        raise CannotEdit(f"`{plural}` is not written with one entry below the other")
    indent = " " * table.value[0][0].start_mark.column
    at = len(text)
    if number + 1 < len(pairs):
        at = text.rfind("\n", 0, pairs[number + 1][0].start_mark.index) + 1
        before = text[:at].splitlines(keepends=True)
        # What stands above the next kind belongs to it.
        while before and (not before[-1].strip() or before[-1].startswith("#")):
            at -= len(before.pop())
    begin = text[:at] if text[:at].endswith("\n") else f"{text[:at]}\n"
    return begin + "".join(f"{indent}{line}\n" for line in lines) + text[at:]


def remove_entry(text: str, plural: str, name: str) -> str:
    """The text without an entry, and without its kind where it was the last one of it."""
    root = _root(text)
    table = _pair(root, plural)[1]
    if isinstance(table, yaml.MappingNode) and len(table.value) > 1:
        return _cut(text, table, name)
    _pair(table, name)
    return _cut(text, root, plural)


def _root(text: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise CannotEdit(f"the file is not one document of YAML: {error}") from None
    if not isinstance(root, yaml.MappingNode):
        raise CannotEdit("the file holds no kinds")
    return root


def _kind(text: str, plural: str) -> yaml.Node:
    return _pair(_root(text), plural)[1]


def _pair(node: yaml.Node, key: str) -> Pair:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            # A name of digits alone is read as a number, and written as it stands.
            if pair[0].value == key:
                found: Pair = pair
                return found
    raise CannotEdit(f"{key!r} is not written out in the file")


def _scalar(value: Any, *, flow: bool) -> str:
    """A value as YAML writes it, on one line; within braces what would end there is quoted."""
    holder: Any = [plain(value)] if flow else plain(value)
    text = yaml.safe_dump(holder, default_flow_style=True, allow_unicode=True, width=float("inf"))
    text = text.removesuffix("...\n").strip()
    if flow:
        text = text.removeprefix("[").removesuffix("]")
    if "\n" in text:
        raise CannotEdit("the value does not fit into one line")
    return text


def _insert(text: str, entry: yaml.MappingNode, words: str) -> str:
    if entry.flow_style:
        # Before the brace: the last value may be an alias, which is told to end where its anchor does.
        at = len(text[: entry.end_mark.index - 1].rstrip())
        comma = " " if text[at - 1] == "," else ", "
        return f"{text[:at]}{comma}{words}{text[at:]}"
    indent = " " * entry.value[0][0].start_mark.column
    # After the last value that ends on a line of its own; a block's end is not where its text ends.
    for key, value in reversed(entry.value):
        begin, end = key.start_mark.index, value.end_mark.index
        block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        shared = not begin <= value.start_mark.index
        if block or shared or getattr(value, "style", None) in ("|", ">"):
            continue
        at = text.find("\n", end)
        newline = "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"
        if at < 0:
            return f"{text}{newline}{indent}{words}{newline}"
        return f"{text[: at + 1]}{indent}{words}{newline}{text[at + 1 :]}"
    first = entry.value[0][0].start_mark.index
    return f"{text[:first]}{words}\n{indent}{text[first:]}"


def _cut(text: str, node: yaml.MappingNode, key: str) -> str:
    pairs = node.value
    number = next(n for n, pair in enumerate(pairs) if pair[0].value == key)
    begin = pairs[number][0].start_mark.index
    if node.flow_style:
        if number + 1 < len(pairs):
            return text[:begin] + text[pairs[number + 1][0].start_mark.index :]
        last = pairs[number - 1][1].end_mark.index if number else begin
        return text[:last] + text[pairs[number][1].end_mark.index :]
    begin = text.rfind("\n", 0, begin) + 1
    end = len(text)
    if number + 1 < len(pairs):
        end = text.rfind("\n", 0, pairs[number + 1][0].start_mark.index) + 1
    elif node.end_mark.index < len(text):
        end = text.rfind("\n", 0, node.end_mark.index) + 1 or node.end_mark.index
    # Comments and blank lines before what follows belong to that; what looks like one may be a text's own.
    last = _last(pairs[number], begin, end)
    lines = text[begin:end].splitlines(keepends=True)
    while len(lines) > 1:
        comment = lines[-1].lstrip().startswith("#") and end - len(lines[-1]) >= last
        if lines[-1].strip() and not comment:
            break
        end -= len(lines.pop())
    return text[:begin] + text[end:]


def _last(pair: Pair, begin: int, end: int) -> int:
    """Where the last value of a pair ends that is written from ``begin`` to ``end``."""
    out, seen, todo = begin, set(), list(pair)
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue  # an alias may lead back to where it stands
        seen.add(id(node))
        if not isinstance(node, yaml.CollectionNode) or node.flow_style:
            # An alias is told to stand where its anchor does.
            if begin <= node.start_mark.index < end:
                out = max(out, node.end_mark.index)
        elif isinstance(node, yaml.MappingNode):
            todo += [part for one in node.value for part in one]
        else:
            todo += node.value
    return out
