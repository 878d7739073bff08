"""A request's file as a person reads and changes it: what was said, and beside it what else could be."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ..errors import GovcloudError
from ..source import yamlfile
from ..source.editing import plain
from ..source.texts import parts_of
from .document import Document, Item
from .templates import PART, Parameter, Template

# Words of a comment behind a value begin here, where there is room.
COLUMN = 40
_HEAD = {
    "unit": "申请单位: who asks",
    "applicant": "申请人",
    "title": "申请名称",
    "reason": "申请理由: why it is needed",
    "starts_on": "启用日期: the day from which it is needed",
    "until": "使用期限: the last day, where it is for a time",
    "programme": "建设项目: the investment project behind it",
}


class CannotAdd(GovcloudError):
    """An item cannot be added to a file as it is written; the message says why."""


def text_of(document: Document, templates: Mapping[str, Template], values: list[Mapping[str, Any]]) -> str:
    """The file of a request. ``values``: of each item, all parameters with their defaults."""
    first = templates[document.items[0].template]
    lines = [
        f"# {first.zh} ({first.en}). Change what you like; what stands behind # may be said too.",
        "# `govcloud request submit FILE` has it judged and asks those who decide.",
        f"version: {document.version}",
        f"name: {scalar(document.name)}",
    ]
    for field, words in _HEAD.items():
        if value := getattr(document, field):
            lines.append(_remarked(f"{field}: {scalar(value)}", words))
    lines += ["", "items:"]
    for item, known in zip(document.items, values, strict=True):
        lines += [f"  {line}".rstrip() for line in item_lines(item, templates[item.template], known)]
    return "\n".join(lines) + "\n"


def item_lines(item: Item, template: Template, values: Mapping[str, Any]) -> list[str]:
    """An item of a file: its parameters, and those that have their default as comments."""
    lines = [_remarked(f"- template: {scalar(item.template)}", f"{template.zh}: {template.en}")]
    said = {name: value for name, value in item.parameters.items() if value is not None}
    if said:
        lines.append("  parameters:")
        for name, value in said.items():
            words = _words(template.asked[name])
            lines.append(_remarked(f"    {name}: {scalar(value)}", words))
    else:
        lines.append("  parameters: {}")
    for name, parameter in template.asked.items():
        if name not in said and name != PART:
            value = values.get(name)
            shown = "" if value in (None, [], "") else f" {scalar(value)}"
            lines.append(_remarked(f"    # {name}:{shown}", _words(parameter)))
    return lines


def added(path: Path, document: Document, item: Item, template: Template, values: Mapping[str, Any]) -> bytes:
    """A request's file with one item more and not a byte changed beside it; then it says ``document``.

    Raises ``CannotAdd``.
    """
    mark, text, encoding = parts_of(path.read_bytes())
    new = mark + _added(path, text, item_lines(item, template, values)).encode(encoding)
    found = yamlfile.document(new)
    if found.faults or msgspec.convert(found.value, Document) != document:
        raise CannotAdd(f"{path} would not say the same any more", hint="add the item by hand")
    return new


def _added(path: Path, text: str, lines: list[str]) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # it was read as a request
    pair = next((pair for pair in root.value if pair[0].value == "items"), None)
    if pair is None:
        end = text if text.endswith("\n") else f"{text}\n"
        return end + "\n".join(["items:", *(f"  {line}".rstrip() for line in lines)]) + "\n"
    items = pair[1]
    if not isinstance(items, yaml.SequenceNode) or items.flow_style or not items.value:
        raise CannotAdd(f"{path}: `items` is not a list with one item a line", hint="add the item by hand")
    indent = " " * (items.value[0].start_mark.column - 2)
    at = _end(text, root, pair[0])
    before = text[:at] if text[:at].endswith("\n") else f"{text[:at]}\n"
    return before + "\n".join(f"{indent}{line}".rstrip() for line in lines) + "\n" + text[at:]


def _end(text: str, root: yaml.MappingNode, key: yaml.Node) -> int:
    """Where a block list ends: before the next key with the comments and blank lines above it."""
    following = [k.start_mark.index for k, _ in root.value if k.start_mark.index > key.start_mark.index]
    at = min(following, default=len(text))
    lines = text[:at].splitlines(keepends=True)
    while following and lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        at -= len(lines.pop())
    return at


def scalar(value: Any) -> str:
    """A value as YAML writes it, on one line."""
    text = yaml.safe_dump(plain(value), default_flow_style=True, allow_unicode=True, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")


def _words(parameter: Parameter) -> str:
    measure = f" ({parameter.measure})" if parameter.measure else ""
    return f"{parameter.zh}{measure}: {parameter.help.rstrip('.')}"


def _remarked(line: str, words: str) -> str:
    # A Chinese character is two columns wide.
    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
    return f"{line}{' ' * (COLUMN - width)}  # {words}"
