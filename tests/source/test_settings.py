"""``govcloud.yaml``: every fault at once, with its place and with what would be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from govcloud.errors import InputError
from govcloud.workspace import Settings, read_settings
from tests.conftest import Result


def told(folder: Path, text: str | bytes) -> list[str]:
    """What is wrong with settings of this text."""
    path = folder / "govcloud.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        read_settings(path)
    return [str(problem) for problem in caught.value.problems]


def kept(folder: Path, text: bytes) -> Settings:
    path = folder / "govcloud.yaml"
    path.write_bytes(text)
    return read_settings(path)


def test_every_fault_is_told_with_its_place(tmp_path: Path) -> None:
    text = (
        "version: 1\nenvironment: Hainan\nlanguage: cn\nparalel: 4\nforks: many\n"
        "layers:\n- site\n- Up\nstack_size: 5000\n"
    )
    assert told(tmp_path, text) == [
        (
            "govcloud.yaml:2:14: `environment`: expected a name of at most 31 of a-z, 0-9 and `-` that "
            "begins with a letter, got the text 'Hainan'"
        ),
        "govcloud.yaml:3:11: `language`: expected one of en or zh, got the text 'cn'",
        "govcloud.yaml:4:1: no setting is called 'paralel' (did you mean 'parallel'?)",
        "govcloud.yaml:5:8: `forks`: expected a whole number from 1 to 200, got the text 'many'",
        (
            "govcloud.yaml:8:3: `layers`: expected a folder's name of at most 63 of a-z, 0-9, `_` and `-` "
            "that begins with a letter or digit, got the text 'Up'"
        ),
        "govcloud.yaml:9:13: `stack_size`: expected a whole number from 1 to 1000, got 5000",
    ]


def test_a_setting_that_stands_twice_is_a_fault(tmp_path: Path) -> None:
    assert told(tmp_path, "environment: one\nparallel: 1\nenvironment: two\n") == [
        (
            "govcloud.yaml:3:1: 'environment' is written twice in the same mapping; first in line 1 "
            "(remove one of the two)"
        )
    ]


def test_what_is_missing_or_no_mapping(tmp_path: Path) -> None:
    missing = ["govcloud.yaml:1:1: `environment` is missing (write `environment: …`)"]
    assert told(tmp_path, "") == missing
    assert told(tmp_path, "version: 1\n") == missing
    # What is written almost right is not missing as well.
    assert told(tmp_path, "enviroment: x\n") == [
        "govcloud.yaml:1:1: no setting is called 'enviroment' (did you mean 'environment'?)"
    ]
    (fault,) = told(tmp_path, "- environment\n")
    assert fault.startswith("govcloud.yaml:1:1: expected a mapping of settings, got a list")
    (fault,) = told(tmp_path, "environment: [x\n")
    assert fault.startswith("govcloud.yaml:2:1: not YAML")
    assert told(tmp_path, "environment: x\n12: y\n")[0].startswith("govcloud.yaml:2:1: the key '12'")


def test_settings_may_be_of_the_encodings_that_sources_have(tmp_path: Path) -> None:
    text = "# 海南省政务云的设置，测试环境\nenvironment: hainan\n"
    for encoding in ("utf-8", "utf-8-sig", "gbk", "utf-16"):
        assert kept(tmp_path, text.encode(encoding)).environment == "hainan"
    assert told(tmp_path, b"environment: caf\xe9\n") == [
        "govcloud.yaml:1:17: the file is not UTF-8 (save it as UTF-8)"
    ]


def test_a_command_tells_them(tmp_path: Path, cli: Callable[..., Result]) -> None:
    (tmp_path / "govcloud.yaml").write_text("environment: x\nenvironment: y\nforks: 0\n")
    done = cli("ls", "--json")
    assert done.code == 2
    assert [(p["line"], p["column"]) for p in done.json["problems"]] == [(2, 1), (3, 8)]


def test_a_merge_conflict_is_named(tmp_path: Path) -> None:
    text = "version: 1\n<<<<<<< HEAD\nenvironment: a\n=======\nenvironment: b\n>>>>>>> other\n"
    (fault,) = told(tmp_path, text)
    assert fault.startswith("govcloud.yaml:2:1: a merge conflict is not resolved")
