"""What an engine's words mean to the operator, and what to type: a table of the failures that occur.

Engines speak of checkpoints, plugins and sockets. Their words are kept as they are, without the noise
around them; where a failure is known, a sentence says what it means and what cures it. One that is not in
the table is told in the engine's words alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..model import KINDS


@dataclass(frozen=True)
class Advice:
    """A known failure. ``cure``: what to do, as a sentence; may hold groups of the pattern, ``{name}``.

    ``anew``: a resumed run would fail in the same way, for it uses programs and values as they were; what
    cures it is a new plan.
    """

    pattern: re.Pattern[str]
    cure: str
    anew: bool = False


def _known(pattern: str, cure: str, *, anew: bool = False) -> Advice:
    return Advice(re.compile(pattern, re.IGNORECASE), cure, anew)


# The first that fits is told, so what is special stands before what is general.
KNOWN: tuple[Advice, ...] = (
    _known(
        r"no space left on device|database or disk is full|disk quota exceeded|ENOSPC",
        "the disk is full: make room (`df -h`, `govcloud gc --dry-run` tells what may go), then resume",
    ),
    _known(
        r"read-only file ?system|attempt to write a readonly database",
        "the disk is mounted read-only: see `dmesg`, mount it for writing, then resume",
    ),
    _known(
        r"incorrect passphrase|passphrase must be set",
        "the state is encrypted with another passphrase: give the one that it was written with, then resume",
    ),
    _known(
        r"failed to load checkpoint|unmarshal.*deployment|invalid character .* looking for",
        "the engine's state of this stack cannot be read: `govcloud state rebuild` puts it aside, makes it "
        "anew from the ledger and from what is there, and touches no object; then `govcloud apply`",
        anew=True,
    ),
    _known(
        r"(open|writing|mkdir|rename) \S*(state|\.pulumi)\S*.*(operation not permitted|permission denied)",
        "the state cannot be written: give this account write access to its folder, then resume",
    ),
    _known(
        r"could not (find|load|start) .*plugin|no resource plugin|failed to (load|start) plugin|"
        r"fork/exec \S*pulumi-resource-",
        "the program that builds the objects cannot be started: `govcloud doctor` tells what is missing; "
        "then resume",
    ),
    _known(
        r"exited prematurely|error reading from server: EOF|transport is closing|connection reset",
        "the program that builds the objects ended in the middle; what it had made is known by its identity "
        "and is taken up again: resume. If it happens again, `dmesg` may tell of lack of memory",
    ),
    _known(
        r"the engine ended by signal",
        "the engine was ended from outside, or the machine ran out of memory (`dmesg` tells); what it had "
        "made is known by its identity and is taken up again: resume",
    ),
    _known(
        r"its \w+, \w+ \S+, is not there",
        "something that it stands on was removed by hand: `govcloud drift` takes note of it, and "
        "`govcloud apply` builds both",
        anew=True,
    ),
    _known(
        r"\b(file is not a database|database disk image is malformed)\b",
        "the file of this target is damaged: put back a copy of it; then resume",
    ),
    _known(
        r"\bquotas?(exceeded)?\b|\blimit of \d+ |\bexceeds the limit\b|\boverlimit",
        "the target gives no more: raise its quota, or take something out of the files and plan again; "
        "then resume, or `govcloud apply`",
    ),
    _known(
        r"(?P<file>stacks/\S+\.py)(:(?P<line>\d+))?: ",
        "mend {file}, then plan and apply anew: the run keeps the program as it was",
        anew=True,
    ),
    _known(
        r"does not declare",
        "a stack's program may leave nothing out: mend it, then plan and apply anew",
        anew=True,
    ),
    _known(
        r"address already in use|port .* (is )?(in use|occupied|taken)",
        "another program holds the port on that host: end it, or give the service another port in the files; "
        "then resume, or `govcloud apply`",
    ),
    _known(
        r"unreachable|no route to host|connection timed out|connection refused|failed to connect to the host",
        "the host cannot be reached: see whether it is up (`govcloud drift`); the others are done, and "
        "resuming configures the rest",
    ),
    _known(
        r"\btimed? ?out\b|\bdid not answer (with)?in\b|\bdeadline ?exceeded\b|"
        r"\b[a-z]*timeout(error|expired)?\b",
        "it took too long: see whether the target or the host is overloaded, then resume",
    ),
    _known(
        r"\bauthentication failed\b|\baccess denied\b|\b(HTTP|status)( code)?[:=]? ?401\b|"
        r"\b401 unauthorized\b|\binvalid credentials\b",
        "the credentials were refused: give the right ones, then resume",
    ),
    _known(
        r"(AnsibleUndefinedVariable|is undefined|template error|TemplateSyntaxError|"
        r"Syntax error in template)",
        "a template of the playbooks is wrong: mend it, then plan and apply anew: the run keeps the "
        "playbooks as they were",
        anew=True,
    ),
    _known(
        r"(couldn't resolve module|the role .* was not found|YAML parsing failed|"
        r"We were unable to read|Syntax Error while loading YAML|conflicting action statements)",
        "the playbooks are wrong: mend them, then plan and apply anew: the run keeps them as they were",
        anew=True,
    ),
)

# What objects are called: ``kind/name``, and the id by which targets know them.
SUBJECT = re.compile(rf"(?<![\w./-])({'|'.join(sorted(KINDS, key=len, reverse=True))})/[\w-]+(\.[\w-]+)*")
OBJECT_ID = re.compile(r"\b[0-9a-f]{16}\.\d+\b")
ELLIPSIS = "…"

# Words of engines around what they have to say.
NOISE = re.compile(
    r"^\s*(stderr|stdout|code):\s*\d*\s*$"
    r"|^\s*Traceback \(most recent call last\):?.*$"
    r"|^\s*an unhandled error occurred:.*$"
    r"|^\s*This is \*always\* a bug in the provider.*$"
    r"|^\s*To assist with debugging we have dumped.*$",
    re.MULTILINE,
)
BEFORE = re.compile(
    r"^\s*((stderr|stdout): )?(\[?(error|fatal)\]?: )?(python inline source runtime )?", re.IGNORECASE
)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def uncoloured(words: str) -> str:
    """Words without the escape sequences that colour them on a terminal."""
    return COLOURS.sub("", words)


def plain(words: str) -> str:
    """An engine's words without the noise around them, each line once."""
    lines = (
        BEFORE.sub("", line, count=1).rstrip() for line in NOISE.sub("", COLOURS.sub("", words)).splitlines()
    )
    return "\n".join(dict.fromkeys(line for line in lines if line))


def without_names(words: str, detail: Mapping[str, Any]) -> str:
    """Words in which what people and the program have named is an ellipsis: a name is no symptom.

    Objects by ``kind/name``, their ids, and the names of all that the stage's detail lists.
    """
    lists = [detail.get(key) for key in ("done", "not_done", "failed")]
    names = {str(one).rpartition("/")[2] for some in lists if isinstance(some, list) for one in some}
    # A name that is a word, like "quota", is taken for one unless it is what the line is about.
    tokens = sorted((n for n in names if n and not n.isalpha()), key=len, reverse=True)
    words = OBJECT_ID.sub(ELLIPSIS, SUBJECT.sub(ELLIPSIS, words))
    if tokens:
        either = "|".join(map(re.escape, tokens))
        words = re.sub(rf"(?<![\w./-])({either})(?![\w-])", ELLIPSIS, words)
    plain_ones = "|".join(re.escape(n) for n in sorted(names) if n.isalpha())
    return re.sub(rf"^({plain_ones})(?=: )", ELLIPSIS, words, flags=re.MULTILINE) if plain_ones else words


def advise(detail: Mapping[str, Any]) -> dict[str, Any]:
    """A failed stage's detail with its words made plain, and with ``hint`` and ``anew`` where it is known.

    A hint that the stage brought itself stays.
    """
    words = plain(str(detail.get("error", "")))
    out = {**detail, "error": words or str(detail.get("error", ""))}
    if out.get("hint"):
        return out
    nameless = without_names(words, detail)
    for known in KNOWN:
        found = known.pattern.search(nameless)
        if found:
            named = {k: v or "" for k, v in found.groupdict().items()}
            out["hint"] = known.cure.format(**named) if named else known.cure
            if known.anew:
                out["anew"] = True
            break
    return out


def next_step(run: str, failed: Iterable[Mapping[str, Any]]) -> str:
    """The command after a run that was not done; ``failed``: details of the stages that failed."""
    return "govcloud apply" if any(one.get("anew") for one in failed) else f"govcloud runs resume {run}"
