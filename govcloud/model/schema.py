"""JSON Schema (2020-12) of the files of a workspace, for editors that complete and check what is typed.

A schema takes every file that `govcloud validate` takes. It knows one file: that references lead
somewhere and that no field is said twice is told by `validate` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from .base import KINDS, NAME_PATTERN, FieldInfo, fields
from .words import type_words

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAME = NAME_PATTERN.removeprefix("^").removesuffix("$")
# What a higher layer writes to remove what a lower one says.
DELETE = "$delete"


def file_schema(
    kinds: Iterable[str] | None = None, *, required: bool = False, overlay: bool = False
) -> dict[str, Any]:
    """The schema of a YAML file with tables of these kinds (default: all of them).

    ``required``: an entry must say its required fields. Not so by default, as one entry may be said
    in several files. ``overlay``: of a file in a layer, where a field or an entry may be removed.
    Raises ``KeyError`` for a name that is no kind.
    """
    chosen = [KINDS[name] for name in (kinds if kinds is not None else KINDS)]
    return {
        "$schema": DIALECT,
        "title": "底座资源一本账",
        "description": "A file of a govcloud workspace: plural kinds, below each its entries by name.",
        "type": ["object", "null"],
        "properties": {
            cls.PLURAL: {
                "title": cls.ZH,
                "description": first_line(cls),
                "type": ["object", "null"],
                "propertyNames": {"pattern": NAME_PATTERN},
                "additionalProperties": {"$ref": f"#/$defs/{cls.KIND}"},
            }
            for cls in chosen
        },
        "additionalProperties": False,
        "$defs": {cls.KIND: entry_schema(cls.KIND, required=required, overlay=overlay) for cls in chosen},
    }


def entry_schema(kind: str, *, required: bool = False, overlay: bool = False) -> dict[str, Any]:
    """The schema of one entry's fields. Raises ``KeyError`` for a name that is no kind."""
    cls, infos = KINDS[kind], fields(kind)
    properties = {name: _field_schema(info) for name, info in infos.items()}
    if overlay:
        properties = {name: _removable(one) for name, one in properties.items()}
        properties[DELETE] = {"const": True, "description": "Removes the whole entry."}
    out: dict[str, Any] = {
        "title": cls.ZH,
        "description": first_line(cls),
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
    }
    wanted = [name for name, info in infos.items() if info.required]
    if required and wanted and not overlay:
        # An entry without a single field has none of the required ones.
        out |= {"type": "object", "required": wanted}
    return out


def _field_schema(info: FieldInfo) -> dict[str, Any]:
    out: dict[str, Any] = msgspec.json.schema(info.hint)
    out.pop("$schema", None)
    if info.ref is not None:
        single = len(info.ref.kinds) == 1
        pattern = _NAME if single else f"({'|'.join(info.ref.kinds)})/{_NAME}"
        # An empty text says nothing, which a field that is not required may.
        form = {"type": "string", "pattern": f"^{pattern}$" if info.required else f"^({pattern})?$"}
        out = out | ({"items": form} if info.many else form)
        out["x-references"] = list(info.ref.kinds)
    out["title"] = info.doc.zh
    out["description"] = describe(info)
    if says_default(info):
        out["default"] = msgspec.to_builtins(info.default)
    if info.doc.rules:
        out["x-rules"] = list(info.doc.rules)
    return out


def describe(info: FieldInfo) -> str:
    """The field's sentence, with what it refers to, whether it is required, and the rules that read it."""
    out = [info.doc.en]
    if info.ref is not None:
        words = type_words(info)
        out.append(f"{words[0].upper()}{words[1:]}.")
    if info.required:
        out.append("Required.")
    if info.doc.rules:
        out.append(f"Read by {', '.join(info.doc.rules)}.")
    return " ".join(out)


def says_default(info: FieldInfo) -> bool:
    """Whether the default is a value that means something: neither empty nor one that cannot be written."""
    if info.required or info.default in ("", [], {}):
        return False
    try:
        msgspec.convert(info.default, info.hint)
    except msgspec.ValidationError:
        return False  # it stands for what is not known, as level 0 of graded protection
    return True


def _removable(schema: dict[str, Any]) -> dict[str, Any]:
    aside = ("title", "description", "x-references", "x-rules")
    told = {key: schema[key] for key in aside if key in schema}
    return told | {
        "anyOf": [{"const": DELETE}, {key: value for key, value in schema.items() if key not in aside}]
    }


def first_line(cls: type) -> str:
    """The sentence that says what a kind is."""
    return (cls.__doc__ or "").strip().splitlines()[0]
