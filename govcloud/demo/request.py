"""Chapter `request`: a county asks for a web application with recovery, and gives it back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import GovcloudError
from ..system import which
from .authority import issue
from .stage import Scene, played

if TYPE_CHECKING:
    from rich.console import Console

SAMPLE = "lingao"
NAME, DOMAIN = "fever", "lingao.gov.hainan.example"
APPLICANT, ENGINEER = "he-xiaoyan", "zhou-gong"
# Who signs, in the order of the chain.
DECIDE = ("wang-lei", "li-an")
# Where the key of the certificate is, while the chapter plays: in no file.
KEY_VARIABLE = "GOVCLOUD_DEMO_TLS_KEY"
UNIT, PROGRAMME = "lingao-health", "lingao-fever"
PROJECTS = (UNIT, f"{UNIT}-dr")
ABOUT = ("--name", NAME, "--unit", UNIT, "--reason", "发热门诊网上预约", "--programme", PROGRAMME)
ANSWERS = {
    "title": "发热门诊预约",
    "audience": "public",
    "platforms": "portal",
    "project": PROJECTS[0],
    "flavor": "small",
    "cloud": "government",
    "certificate": UNIT,
    "standby_cloud": "recovery",
    "standby_project": PROJECTS[1],
}


class Figures(msgspec.Struct, kw_only=True):
    """What the chapter measured; the keys of `request` in `demo.json`."""

    seconds: float = 0.0
    denied_rule: str = ""
    signatures: int = 0
    https_status: int = 0
    https_address: str = ""
    quota_returned: bool = False
    replan_changes: int = -1
    leftovers: list[str] = []

    @property
    def good(self) -> bool:
        """Everything came out as it should."""
        return (
            bool(self.denied_rule)
            and self.signatures == len(DECIDE)
            and self.https_status == 200
            and ":" in self.https_address
            and self.quota_returned
            and self.replan_changes == 0
            and not self.leftovers
        )

    def sentence(self) -> str:
        """How it came out."""
        return (
            f"denied by {self.denied_rule} until it was cured, {self.signatures} signatures, "
            f"HTTPS {self.https_status} at {self.https_address}, "
            f"quota {'back' if self.quota_returned else 'not back'}, "
            f"{len(self.leftovers)} leftovers, {self.seconds:.0f} s."
        )


def play(console: Console, *, keep: bool = False) -> Figures:
    """A request from its form to its end."""
    return played(console, SAMPLE, Figures(), _play, keep=keep)


def _play(scene: Scene, figures: Figures) -> None:
    scene.say("A county, a cloud, a recovery centre. Everybody who decides has a key of their own.")
    scene.type("init", str(scene.root), "--sample", SAMPLE)
    _keys(scene)
    _certificate(scene)
    scene.type("lab", "up")
    # The first apply is nobody's: it accepts those who may do something from then on.
    scene.type("apply", "--yes")
    before = _held(scene)

    scene.say("The county's health bureau asks for a web application with recovery, in one form.")
    _become(scene, APPLICANT)
    answers = [word for key, value in ANSWERS.items() for word in ("--set", f"{key}={value}")]
    scene.type("request", "new", "web-application", *ABOUT, *answers)
    form = f"requests/{NAME}.yaml"
    scene.say("The rules judge it before anybody else has to: the recovery centre is used after reviews.")
    scene.type("request", "submit", form, expect=(4,))
    figures.denied_rule = _denied(scene.ask("request", "submit", form, expect=(4,)))
    scene.say("It is reviewed, and said in which document. Submitted again, what it needs is held.")
    _reviews(scene)
    _become(scene, ENGINEER)
    scene.type("apply", "--yes")
    _become(scene, APPLICANT)
    scene.type("request", "submit", form)

    scene.say("Who decides signs exactly what will happen, each with a key of their own.")
    for person in DECIDE:
        _become(scene, person)
        scene.type("request", "approve", NAME, "--yes")
    figures.signatures = len(scene.ask("request", "show", NAME)["decisions"])
    scene.say("It is carried out like any change: recorded, built, configured, measured.")
    _become(scene, ENGINEER)
    scene.type("request", "apply", NAME, "--yes")
    scene.say("Somebody in the county opens the page, over IPv6 and TLS.")
    seen = _visit(scene)
    figures.https_status, figures.https_address = seen["status"], seen["address"]
    scene.console.print(f"https://{NAME}.{DOMAIN}/  {seen['status']}  {seen['address']}")

    _give_back(scene)
    figures.quota_returned = _held(scene) == before
    scene.type("capacity", "usage", "--by", "project")
    figures.replan_changes = int(scene.ask("plan")["changes"])
    if not scene.keep:
        scene.type("destroy", "--confirm", f"destroy everything in {SAMPLE}")
        scene.type("lab", "down")


def _give_back(scene: Scene) -> None:
    scene.say("The bureau gives it back: stopped, a time in the recycle bin, destroyed.")
    _become(scene, APPLICANT)
    scene.type("request", "release", NAME, "--yes")
    _become(scene, ENGINEER)
    scene.type("tick", "--yes")


def _outside(scene: Scene) -> Path:
    """A folder beside the workspace, which goes with it."""
    folder = scene.root.parent / "outside"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _become(scene: Scene, person: str) -> None:
    """From now on it is this person who types."""
    scene.say(f"[dim]{person}[/dim]")
    scene.around["GOVCLOUD_SSH_KEY"] = str(_outside(scene) / person)


def _keys(scene: Scene) -> None:
    """A pair of keys for everybody; the public halves go into a file of the workspace."""
    folder, found = _outside(scene), {}
    for person in (APPLICANT, ENGINEER, *DECIDE):
        words = [str(which("ssh-keygen")), "-q", "-t", "ed25519", "-N", "", "-C", person]
        subprocess.run([*words, "-f", str(folder / person)], check=True, stdout=subprocess.DEVNULL)
        found[person] = {"ssh_keys": [(folder / f"{person}.pub").read_text().strip()]}
    # JSON is YAML.
    (scene.root / "keys.yaml").write_text(json.dumps({"persons": found}), encoding="utf-8")


def _certificate(scene: Scene) -> None:
    """A certificate for the county's names: the chain for the ledger, the key for nobody but its host."""
    chain, key = issue(f"*.{DOMAIN}")
    scene.around[KEY_VARIABLE] = key
    (_outside(scene) / "chain.pem").write_text(chain, encoding="ascii")
    certificate = {"names": [f"*.{DOMAIN}"], "unit": UNIT, "secret": UNIT, "chain": chain, "invented": True}
    secret = {"origin": "env", "variable": KEY_VARIABLE, "exact": True, "unit": UNIT, "invented": True}
    tables = {"certificates": {UNIT: certificate}, "secrets": {UNIT: secret}}
    (scene.root / "certificates.yaml").write_text(json.dumps(tables), encoding="utf-8")


def _reviews(scene: Scene) -> None:
    """The three reviews of R-04, of the project that the request is for."""
    about = {"subject": f"programme/{PROGRAMME}", "date": time.strftime("%Y-%m-%d"), "passed": True}
    about |= {"reviewer": "bigdata", "invented": True}
    beside = {
        "fever-project": {"type": "project_security", "document": "琼数安审〔2026〕41号"},
        "fever-information": {"type": "information_security", "document": "琼数安审〔2026〕42号"},
    }
    use = {"type": "recovery_use", "document": "琼数灾审〔2026〕9号", "with_reviews": list(beside)}
    reviews = {name: about | fields for name, fields in (beside | {"fever-recovery": use}).items()}
    text = json.dumps({"reviews": reviews}, ensure_ascii=False)
    (scene.root / "reviews.yaml").write_text(text, encoding="utf-8")


def _denied(told: dict[str, Any]) -> str:
    """The rule that stands in a refusal."""
    found = re.search(r"\b([A-Z]-\d{2}) denies", told["error"])
    if found is None:
        raise GovcloudError(f"refused, but by no rule: {told['error']}")
    return found[1]


def _held(scene: Scene) -> list[dict[str, Any]]:
    """What the bureau's projects hold, line by line."""
    lines: list[dict[str, Any]] = scene.ask("capacity", "usage", "--by", "project")["lines"]
    return [line for line in lines if line["subject"].removeprefix("project/") in PROJECTS]


def _visit(scene: Scene) -> dict[str, Any]:
    """The page as a desk in the county sees it."""
    chain = str(_outside(scene) / "chain.pem")
    words = ["--", sys.executable, "-m", "govcloud.demo.visitor", f"{NAME}.{DOMAIN}", "443", chain]
    seen: dict[str, Any] = json.loads(scene.output("lab", "exec", "lingao-desk", *words))
    return seen
