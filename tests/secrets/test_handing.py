"""Values are handed to children of this process, by name, and to nobody else; no words say them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.run.events import (
    Bus,
    Event,
    Note,
    RunEnded,
    RunStarted,
    StageEnded,
    StageProgress,
    StageStarted,
)
from govcloud.secrets import redaction
from govcloud.secrets.handing import VARIABLE, ask, handing

ASK = """
import os, sys
from govcloud.secrets.handing import ask
try:
    sys.stdout.buffer.write(ask(sys.argv[1]))
except LookupError as error:
    sys.exit(str(error))
"""


def asked(name: str, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", ASK, name]
    return subprocess.run(command, env=os.environ | environment, capture_output=True)


def test_a_child_gets_what_it_asks_for(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 30)
    with handing(deep, {"a": b"\x00\xffone", "b": b"x" * 200_000}) as environment:
        place = Path(environment[VARIABLE])
        assert place.stat().st_mode & 0o777 == 0o700
        assert list(environment) == [VARIABLE] and len(str(place)) > 108
        assert asked("a", environment).stdout == b"\x00\xffone"
        assert len(asked("b", environment).stdout) == 200_000
        assert b"secret/c is not among" in asked("c", environment).stderr
        # Two levels down, as Ansible's workers are.
        nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ASK!r}, 'a'])"
        done = subprocess.run(
            [sys.executable, "-c", nested], env=os.environ | environment, capture_output=True
        )
        assert done.stdout == b"\x00\xffone"
        assert b"one" not in b"".join(p.read_bytes() for p in deep.rglob("*") if p.is_file())
    assert not place.exists()
    assert b"could not be asked for" in asked("a", environment).stderr


def test_a_stranger_gets_nothing(tmp_path: Path) -> None:
    offer = f"""
import sys
from pathlib import Path
from govcloud.secrets.handing import VARIABLE, handing
with handing(Path({str(tmp_path)!r}), {{"a": b"hidden"}}) as environment:
    print(environment[VARIABLE], flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", offer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    place = process.stdout.readline().strip()
    # This process is its parent, and no child of it.
    with pytest.raises(LookupError):
        ask("a", {VARIABLE: place})
    # Somebody killed it: what it left is taken away by the next.
    process.kill()
    process.communicate()
    assert Path(place).exists()
    with handing(tmp_path, {"a": b"x"}):
        assert not Path(place).exists()


def test_without_a_run_there_is_nobody_to_ask(tmp_path: Path) -> None:
    with handing(tmp_path / "never", {}) as environment:
        assert environment == {} and not (tmp_path / "never").exists()
    with pytest.raises(LookupError, match="handed over by `govcloud apply` alone"):
        ask("a", {})


@given(
    value=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=8, max_size=40),
    before=st.text(max_size=9),
)
def test_no_known_value_passes(value: str, before: str) -> None:
    value = value.strip()
    if len(value) < redaction.SHORTEST:
        return
    data = value.encode()
    redaction.keep_out(data)
    words = {
        "detail": [f"{before}{value}!", {"deep": (json.dumps({"a": value}), repr(value))}],
        "base64": base64.b64encode(data).decode(),
        "hex": data.hex(),
    }
    cleaned = json.dumps(redaction.clean(words), ensure_ascii=False)
    # Where the mark itself says it, there is nothing to hide.
    assert value in redaction.MARK or value not in cleaned.replace(redaction.MARK, "")


def test_every_line_of_a_long_one_is_kept_out() -> None:
    redaction.keep_out(b"-----BEGIN-----\nMIIEvQIBADANBg\n-----END-----\n")
    assert (
        redaction.clean("line 2 was MIIEvQIBADANBg, which is wrong") == "line 2 was (secret), which is wrong"
    )


@pytest.mark.parametrize("value", ["title", "done", "failed", "stage_ended", "warning"])
def test_a_value_that_is_a_word_falsifies_no_event(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_forms", set())
    monkeypatch.setattr(redaction, "_pattern", None)
    redaction.keep_out(value.encode())
    seen: list[Event] = []
    bus = Bus([cast(Any, SimpleNamespace(handle=seen.append))])
    detail = {"done": [f"node/{value}"], "not_done": [], "words": "1 of 1 objects"}
    told: list[Event] = [
        RunStarted("r1", "title done", (("stack:title", "stack", "title failed", "done"),)),
        StageStarted("stack:title", "title done", 1),
        StageProgress("stack:title", 1, 1, "made it"),
        Note("stack:title", "told", "warning"),
        StageEnded("stack:title", "failed", 0.5, detail),
        RunEnded("r1", "done", 0.5, "govcloud apply"),
    ]
    for event in told:
        bus(event)
    assert seen == told
    bus(Note("stack:title", f"the engine says {value}!", "warning"))
    bus(StageEnded("stack:title", "failed", 0.5, {**detail, "error": f"no {value} here"}))
    assert seen[-2:] == [
        Note("stack:title", "the engine says (secret)!", "warning"),
        StageEnded("stack:title", "failed", 0.5, {**detail, "error": "no (secret) here"}),
    ]
