"""The pipelines of docs/ci.md: they are read as YAML, and what they type is typed here, as a shell would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from store_province import province

PAGE = Path(__file__).parents[1] / "docs" / "ci.md"
BIN = Path(sys.executable).parent
# What only a forge has.
FORGE = ("pip ", "curl", "gh ")


def pipelines() -> dict[str, dict[str, Any]]:
    """The examples by the file that they go into."""
    found = re.findall(r"<!-- file: (\S+) -->\n```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return {name: yaml.safe_load(text) for name, text in found}


def typed(name: str) -> dict[str, list[str]]:
    """What each job types, without what is the forge's own business."""
    pipeline = pipelines()[name]
    jobs: dict[str, list[str]] = {}
    for job, what in pipeline.get("jobs", pipeline).items():
        if isinstance(what, dict) and "steps" in what:
            jobs[job] = [step["run"] for step in what["steps"] if "run" in step]
        elif isinstance(what, dict) and "script" in what:
            jobs[job] = what["script"]
    return {job: [line for line in lines if not line.startswith(FORGE)] for job, lines in jobs.items()}


@pytest.mark.parametrize("name", [".gitlab-ci.yml", ".github/workflows/govcloud.yml"])
def test_what_a_pipeline_types_does_what_the_page_says(name: str, tmp_path: Path) -> None:
    place = province(tmp_path / "work", nodes=2)
    place.write()
    jobs = typed(name)
    assert list(jobs) == ["judge", "plan", "carry-out"]
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

    def run(line: str) -> None:
        # GitLab and GitHub both end a step at the first command that fails.
        words = ["bash", "-eo", "pipefail", "-c", line]
        done = subprocess.run(words, cwd=place.root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (line, done.stdout, done.stderr)

    for line in jobs["judge"]:
        run(line)
    assert "objects to create" in (place.root / "plan.md").read_text()
    assert '"version": "2.1.0"' in (place.root / "check.sarif").read_text()
    for line in [*jobs["plan"], *jobs["carry-out"]]:
        run(line)
    run("govcloud plan --detailed-exitcode")
