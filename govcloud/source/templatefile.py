"""Templates (``*.yaml.j2``): rendered with tables, then read as YAML.

Lines of what was rendered are led back to the lines of the template that wrote them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import CodeType, TracebackType
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, UndefinedError

from ..errors import Problem
from . import yamlfile
from .claims import Draft, Fault
from .sandbox import LONGEST_TEXT, Beyond, Sandbox
from .tables import BadTable, Row
from .texts import BadText, text_of
from .words import Hints, shown

LONGEST_TEMPLATE = 1024 * 1024
_ALONE = "a template stands alone"
_MARK = "\0"


class _Wrong(Exception):
    """A template that cannot be used: message, line or 0, hint."""

    def __init__(self, message: str, line: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.hint = hint


@dataclass(frozen=True)
class Rendered:
    """What a template wrote, and for each line of it the template's line (0: not known)."""

    data: bytes
    origins: list[int]

    def origin(self, line: int) -> int:
        """The template's line that wrote a line."""
        # A parser that misses something tells it behind the end.
        return self.origins[min(line, len(self.origins)) - 1] if line and self.origins else 0

    def told(self, problem: Problem) -> Problem:
        """A problem of what was written as one of the template."""
        if not problem.line:
            return problem
        lines = self.data.split(b"\n", problem.line)
        text = lines[problem.line - 1].decode() if problem.line <= len(lines) else ""
        message = f"{problem.message}; in the rendered line {problem.line}: {shown(text.strip())}"
        return replace(problem, message=message, line=self.origin(problem.line), column=0)


def tables_in(data: bytes) -> list[str]:
    """The tables that a template reads; none where it cannot be understood."""
    try:
        return _Prepared(_source(data), _none).tables
    except (_Wrong, BadText):
        return []


def read(
    data: bytes, path: str, hints: Hints, table: Callable[[str], list[Row]]
) -> tuple[Draft, Rendered | None]:
    """The entries that a template writes; None where it cannot be rendered. Raises ``BadText``."""
    try:
        rendered = _Prepared(_source(data), table).render()
    except _Wrong as wrong:
        draft = Draft(unreadable=True, opaque=True)
        draft.faults.append(Fault(str(wrong), wrong.hint, line=wrong.line))
        return draft, None
    return yamlfile.read(rendered.data, path, hints), rendered


class Unfit(Exception):
    """A template that cannot be filled: the message, and its line (0: not known)."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def filled(source: str, variables: Mapping[str, Any]) -> str:
    """What a template writes from variables alone: no tables, and nothing that they do not hold.

    Raises ``Unfit``, also where a variable is missing.
    """
    try:
        return _Prepared(source, _none, _code_of(source)).render(variables).data.decode()
    except _Wrong as wrong:
        raise Unfit(str(wrong), wrong.line) from None


@lru_cache(maxsize=256)
def _code_of(source: str) -> CodeType:
    """What is filled many times is compiled once: that takes far longer than to run it. Raises ``_Wrong``."""
    return _Prepared(source, _none).code


def _none(path: str) -> list[Row]:
    return []


def _source(data: bytes) -> str:
    if len(data) > LONGEST_TEMPLATE:
        raise _Wrong(f"the template is larger than {LONGEST_TEMPLATE >> 20} MiB", hint="tables hold the mass")
    return text_of(data)


class _Prepared:
    """A template, checked and made ready to be rendered once. Raises ``_Wrong``."""

    def __init__(self, source: str, table: Callable[[str], list[Row]], code: CodeType | None = None) -> None:
        self._sandbox = Sandbox(table)
        self.tables: list[str] = []
        self.code = self._compiled(source) if code is None else code
        self._template = Template.from_code(self._sandbox, self.code, self._sandbox.make_globals(None))

    def _compiled(self, source: str) -> CodeType:
        try:
            tree = self._sandbox.parse(source)
            self._check(tree)
            self._guard(tree)
            self._mark(tree)
            return self._sandbox.compile(tree)
        except TemplateSyntaxError as error:
            message = (error.message or "not readable").rstrip(".")
            raise _Wrong(f"not a template: {message}", error.lineno) from None
        except (RecursionError, MemoryError, SyntaxError):
            raise _Wrong("the template is nested too deep") from None
        except (ValueError, OverflowError) as error:
            raise _Wrong(f"not a template: {error}") from None

    def _check(self, tree: nodes.Template) -> None:
        for kind in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block):
            for one in tree.find_all(kind):
                raise _Wrong(f"{_ALONE}: no `{kind.__name__.lower()}`", one.lineno)
        called: set[int] = set()
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "table":
                called.add(id(call.node))
                path = call.args[0] if len(call.args) == 1 else None
                if not isinstance(path, nodes.Const) or not isinstance(path.value, str) or call.kwargs:
                    hint = 'what a template reads is known before it is rendered: table("data/sites.csv")'
                    raise _Wrong("`table` takes one text in quotes", call.lineno, hint)
                self.tables.append(path.value)
        for name in tree.find_all(nodes.Name):
            if name.name == "table" and id(name) not in called:
                raise _Wrong("`table` can only be called", name.lineno)
            if name.name in ("varargs", "kwargs"):
                raise _Wrong(f"`{name.name}` is not used here", name.lineno, "name the macro's arguments")
        self.tables = sorted(set(self.tables))

    def _guard(self, tree: nodes.Template) -> None:
        """Let every round be counted, and every list and text that is put together be measured."""
        for block in list(tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock))):
            assert isinstance(block, nodes.For | nodes.Macro | nodes.CallBlock)
            # Not a call: the sandbox looks at each of those, and this stands in every round.
            block.body.insert(0, nodes.ExprStmt(nodes.EnvironmentAttribute("round"), lineno=block.lineno))
        for parent in [tree, *tree.find_all(nodes.Node)]:
            for field, value in list(parent.iter_fields()):
                if isinstance(value, list):
                    value[:] = [_guarded(one) for one in value]
                else:
                    setattr(parent, field, _guarded(value))

    def _mark(self, tree: nodes.Template) -> None:
        """Let every line and every value that is written at once begin with its line, between marks."""
        for output in _outputs(tree):
            marked: list[nodes.Expr] = []
            for one in output.nodes:
                if isinstance(one, nodes.TemplateData):
                    lines = enumerate(one.data.split("\n"), one.lineno)
                    one.data = "\n".join(f"{_MARK}{number}{_MARK}{line}" for number, line in lines)
                else:
                    marked.append(nodes.TemplateData(f"{_MARK}{one.lineno}{_MARK}", lineno=one.lineno))
                marked.append(one)
            output.nodes = marked

    def render(self, variables: Mapping[str, Any] | None = None) -> Rendered:
        """Run the template. Raises ``_Wrong`` with the line that it stopped at."""
        pieces: list[str] = []
        budget = self._sandbox.budget
        try:
            for piece in self._template.root_render_func(self._template.new_context(dict(variables or {}))):
                budget.write(len(piece))
                pieces.append(piece)
        except Exception as error:  # whatever values make of operators and filters
            raise _Wrong(_sentence(error), self._line(error.__traceback__), _hint(error)) from None
        return _rendered("".join(pieces))

    def _line(self, trace: TracebackType | None) -> int:
        line = 0
        while trace is not None:
            if trace.tb_frame.f_globals.get("__jinja_template__") is self._template:
                line = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line


def _asked(name: str, values: list[nodes.Expr], line: int) -> nodes.Call:
    """A call of one of the sandbox's own methods, which no template can name."""
    return nodes.Call(nodes.EnvironmentAttribute(name), values, [], None, None, lineno=line)


def _guarded(node: Any) -> Any:
    if isinstance(node, nodes.Concat):
        return _asked("concatenated", node.nodes, node.lineno)
    if isinstance(node, nodes.List | nodes.Dict) or (isinstance(node, nodes.Tuple) and node.ctx == "load"):
        return _asked("made", [node], node.lineno)
    return node


def _outputs(node: nodes.Node) -> Iterator[nodes.Output]:
    """What is written at once, and not kept for later in a variable, a macro or a filter."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Output):
            yield child
        elif isinstance(child, nodes.For | nodes.If | nodes.With | nodes.Scope):
            yield from _outputs(child)


def _rendered(text: str) -> Rendered:
    origins: list[int] = []
    origin = 0
    fresh = True  # whether the present line is empty so far
    plain: list[str] = []
    for number, piece in enumerate(text.split(_MARK)):
        if number % 2:
            origin = int(piece)
            continue
        if not piece:
            continue
        plain.append(piece)
        ends = piece.count("\n")
        if fresh:
            origins.append(origin)
        # Lines after the first, apart from one that is still empty.
        origins += [origin] * (ends - piece.endswith("\n"))
        fresh = piece.endswith("\n")
    try:
        return Rendered("".join(plain).encode(), origins)
    except UnicodeEncodeError:
        raise _Wrong("it writes half a character (a lone surrogate)") from None


def _sentence(error: Exception) -> str:
    if isinstance(error, Beyond | BadTable):
        return str(error)
    if isinstance(error, RecursionError):
        return "the template calls itself too often"
    if isinstance(error, MemoryError):
        return f"the template takes more memory than there is, or more than {LONGEST_TEXT >> 20} MiB"
    if isinstance(error, UndefinedError | SecurityError | TemplateError):
        return (error.message or "it fails").rstrip(".")
    words = " ".join(str(error).split())[:200]
    return f"it fails: {words or type(error).__name__}"


def _hint(error: Exception) -> str:
    if isinstance(error, SecurityError):
        return "templates have values, filters and loops, and nothing of Python"
    if isinstance(error, UndefinedError) and "is undefined" in (error.message or ""):
        return "variables come from `{% for %}`, `{% set %}` and macros"
    return ""
