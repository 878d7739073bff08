"""The stages of a plan: frozen values that planner, people and runner all read.

What is shown is what is run. Each stage names what it needs, the evidence it leaves, and how it
is undone. Building stages has no side effects.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .. import canonical
from ..ledger.claims import ClaimChanges, ClaimKey, ClaimRow
from ..ledger.keptfiles import KeptFile
from ..ledger.sitestacks import SiteResource

# "replace" makes the next incarnation of an object, "retire" takes the former one away.
# "adopt" gives an object of nobody's its identity, "release" takes ours off one that stays; "take" lets an
# engine know an object as it stands.
Verb = Literal["create", "update", "replace", "heal", "retire", "delete", "adopt", "release", "take"]
# Verbs that take an object away.
ENDING: frozenset[str] = frozenset({"retire", "delete"})
# Verbs after which an object is in no stack any more, whether it is there or not.
LEAVING: frozenset[str] = ENDING | {"release"}
Phase = Literal["expand", "contract"]


class FieldChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of an entry or property of an object, before and after (None: not said)."""

    field: str
    before: Any = None
    after: Any = None


class EntryChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happens to one entry in the ledger. ``fields``: the whole accepted value afterwards."""

    verb: Literal["create", "update", "delete"]
    uid: str
    kind: str
    name: str
    incarnation: int = 1
    stack: str | None = None
    fields: dict[str, Any] = {}
    changes: tuple[FieldChange, ...] = ()
    was: str = ""

    @property
    def subject(self) -> str:
        """``kind/name``."""
        return f"{self.kind}/{self.name}"


class Resource(msgspec.Struct, frozen=True):
    """An object that a stack should hold: type, identity, target, and its inputs."""

    type: str
    uid: str
    incarnation: int
    subject: str  # kind/name
    target: str
    inputs: dict[str, Any]

    @property
    def object_id(self) -> str:
        """``uid.incarnation``."""
        return f"{self.uid}.{self.incarnation}"


class ResourceChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happens to one object of a stack.

    ``incarnation``: of the object that is made, changed or taken away (0 in plans of format 1, which do
    not say it). ``object`` and ``target`` are set for a stray: one of ours that is in no stack's state.
    ``handle``: the driver's id of the object that is adopted.
    """

    verb: Verb
    type: str
    uid: str
    subject: str
    changes: tuple[FieldChange, ...] = ()
    object: str = ""
    target: str = ""
    incarnation: int = 0
    handle: str = ""

    @property
    def object_id(self) -> str:
        """``uid.incarnation`` of the object."""
        return self.object or f"{self.uid}.{self.incarnation}"


class ObjectMove(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object that goes from one stack to another and stays what and where it is."""

    type: str
    uid: str
    incarnation: int
    subject: str
    source: str
    stack: str

    @property
    def object_id(self) -> str:
        """``uid.incarnation`` of the object."""
        return f"{self.uid}.{self.incarnation}"


class Holding(msgspec.Struct, frozen=True):
    """What one stack holds when a Move is done, and its program's digest."""

    stack: str
    domain: str
    program: str
    resources: tuple[Resource, ...]


class _Stage(msgspec.Struct, frozen=True, kw_only=True, tag_field="stage"):
    id: str
    title: str
    phase: Phase
    needs: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The stage's kind, in lower case."""
        return type(self).__name__.lower()


class Record(_Stage, frozen=True, tag="record", kw_only=True):
    """Accepts changes of entries into the ledger, one revision. Undone by a plan to the revision before.

    ``claims``: how what the sources say changes with it.
    """

    changes: tuple[EntryChange, ...]
    claims: ClaimChanges = ClaimChanges()
    evidence: str = "a revision and a row of the audit chain"
    undo: str = "a plan towards the revision before"


class Stack(_Stage, frozen=True, tag="stack", kw_only=True):
    """Brings one Pulumi stack to ``resources``, by the program with digest ``program``.

    ``refresh`` first reads what is really there, for objects that were seen missing or changed.
    ``restart``: hosts whose configuration is void because their objects are made anew. ``partial``: it is
    about its changes alone; what else of the stack is amiss or half done stays so.
    """

    stack: str
    domain: str
    program: str
    resources: tuple[Resource, ...]
    changes: tuple[ResourceChange, ...]
    refresh: bool = False
    restart: tuple[str, ...] = ()
    partial: bool = False
    evidence: str = "the stack's state and each object's identity"
    undo: str = "a plan towards the stack's former slice"


class Move(_Stage, frozen=True, tag="move", kw_only=True):
    """Hands objects from stack to stack without touching them.

    First their new stacks take them in, then their former ones let go of them, then the ledger's rows
    follow. ``holdings``: every stack concerned, as it is afterwards.
    """

    changes: tuple[ObjectMove, ...]
    holdings: tuple[Holding, ...]
    evidence: str = "each stack's state"
    undo: str = "a plan towards the former entries, which hands them back"


class Play(_Stage, frozen=True, tag="play", kw_only=True):
    """Brings hosts to their configuration, by the playbook folder with digest ``playbook``.

    ``inputs``: digest of the variables by host. ``changes``: digest of what changes of them, for the hosts
    that are as they are accepted; what others get is their configuration as a whole. ``batches``: the hosts
    in their order (empty: all in one go), the first of which are canaries where ``canaries`` is not 0: one
    that fails stops the play. It stops as well after a batch of which more than ``stop_percent`` per cent
    failed.
    ``restore``: instead of configuring them, put these files of each host back as they were before the run
    ``restore_from``.
    """

    playbook: str
    routing: Literal["ospf", "static"]
    inputs: dict[str, str]
    changes: dict[str, str] = {}
    batches: tuple[tuple[str, ...], ...] = ()
    canaries: int = 0
    stop_percent: float = 100
    keep_kib: int = 256
    restore_from: str = ""
    restore: dict[str, tuple[KeptFile, ...]] = {}
    evidence: str = "what changed on each host"
    undo: str = "a plan towards the former entries"

    @property
    def done_to(self) -> dict[str, str]:
        """By host: digest of what it gets, which is what is signed."""
        return {host: self.changes.get(host, whole) for host, whole in self.inputs.items()}


class Probe(_Stage, frozen=True, tag="probe", kw_only=True):
    """Measures something real and keeps the figures; ``probes`` are ``plan.probes.ProbeSpec`` as data."""

    probes: tuple[dict[str, Any], ...]
    patience_s: float
    evidence: str = "a figure with its unit for each probe"
    undo: str = "nothing to undo: it only looks"


class SiteStack(_Stage, frozen=True, tag="site_stack", kw_only=True):
    """A Stack of the site's own: ``program`` (digest; empty: everything of it goes) is given ``entries``
    (fields by kind/name) and ``values``, and registers ``resources`` of any provider.

    ``plugins``: digests of the providers' executables by name. ``given``: digest of all that. What the engine
    would do otherwise than ``changes`` say is refused before anything is done. ``refresh``: as of Stack.
    """

    name: str
    workspace: str
    program: str
    plugins: dict[str, str]
    entries: dict[str, dict[str, Any]]
    values: dict[str, Any]
    given: str
    resources: tuple[SiteResource, ...]
    changes: tuple[ResourceChange, ...]
    refresh: bool = False
    evidence: str = "the stack's state and the engine's own preview, which is held against the plan"
    undo: str = "a plan towards what the program was given before"

    @property
    def kind(self) -> str:
        """It is one of the kinds that there are."""
        return "stack"

    @property
    def stack(self) -> str:
        """The engine's name for it, which none of the program's own stacks has."""
        return f"site.{self.name}"


Stage = Record | Stack | Move | Play | Probe | SiteStack


class PinChanges(msgspec.Struct, frozen=True, omit_defaults=True):
    """Pins that somebody sets and pins that somebody releases (``plan.pins``)."""

    said: tuple[ClaimRow, ...] = ()
    ended: tuple[ClaimKey, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.said or self.ended)


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """Claims that somebody's order begins and ends with a plan: a wave of a rollout, a merge of networks.

    They are of the ledger, not of files, and hold from then on: every later plan lays them beside what the
    files say, field by field. Their claimant names the order, as ``rollout:city-ipv6``.
    """

    said: tuple[ClaimRow, ...] = ()
    ended: tuple[ClaimKey, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.said or self.ended)


class Base(msgspec.Struct, frozen=True):
    """The versions of what the plan read, and of nothing else: a neighbour's change is no matter.

    ``entries``: digest by kind/name (empty: not there); ``stacks``: digest of what is applied;
    ``hosts``: digest of the configuration that each host of the play has (empty: none).
    """

    entries: dict[str, str]
    stacks: dict[str, str]
    hosts: dict[str, str] = {}
    # Digest of each file whose claims change, as the ledger knew it (empty: not at all).
    sources: dict[str, str] = {}
    # The newest revision. Where there is a newer one the plan is made again before it is carried out.
    revision: int = 0
    # Digest of what the site's own stacks hold, by name (empty: nothing).
    sites: dict[str, str] = {}


class SecretUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a plan has to say of a secret: never its value.

    ``version``: a keyed digest of it (empty: it could not be fetched, ``trouble`` says why); ``hosts``: who
    gets it in this plan; ``first``: nobody had it; ``rekeyed``: the version known was made with another key;
    ``needed``: the plan cannot be carried out without it.
    """

    version: str = ""
    hosts: tuple[str, ...] = ()
    first: bool = False
    rekeyed: bool = False
    trouble: str = ""
    needed: bool = False


class Ruled(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finding of the rules (``policy.Finding``) as a plan keeps it."""

    rule: str
    verdict: Literal["deny", "target", "require", "flag"]
    subject: str  # kind/name
    message: str
    field: str = ""
    cure: str = ""
    source: str = ""
    waiver: str = ""

    @property
    def decided(self) -> bool:
        """Whether people decide on it: it must not be, and a waiver or the policy lets it pass. The rest is
        told. A passing day brings that about, or a neighbour with the same first, and no signature is void
        for it."""
        return self.verdict == "deny"

    @property
    def counted(self) -> list[str]:
        """What of it is signed."""
        return [self.rule, self.verdict, self.subject, self.field, self.waiver]


class Ruling(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a plan newly brings about of what the rules find, and what it cures (``plan.ruling``).

    ``gate``: whom the policy refuses for a new ``deny``; ``emergency_passes``: not an emergency. Of each
    verdict the first are kept; ``more``: how many others are new, by verdict; ``rest``: a digest of those of
    them that count; ``cured``: how many findings of each rule are gone.
    """

    new: tuple[Ruled, ...] = ()
    cured: dict[str, int] = {}
    more: dict[str, int] = {}
    rest: str = ""
    gate: Literal["all", "requests", "none"] = "all"
    emergency_passes: bool = False

    @property
    def denied(self) -> list[Ruled]:
        """What must not be, and nobody waived."""
        return [one for one in self.new if one.verdict == "deny" and not one.waiver]

    @property
    def counted(self) -> list[list[str]]:
        """What is signed with the effect: what is newly denied, and the waiver that lets it pass.

        Without its words: a figure in them may be a neighbour's.
        """
        kept = [one.counted for one in self.new if one.decided]
        return [*kept, [self.rest]] if self.rest else kept


# The format of plans that this release writes; it reads those before, the first one of release 0.1.
FORMAT = 3


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen plan. ``effect`` is what approvers sign, ``base`` what it was computed from."""

    # Format 2, and 1 as it is read, has another effect: ``builder.effect_of``.
    version: Literal[2, 3] = 3
    environment: str
    title: str
    stages: tuple[Stage, ...]
    effect: str
    base: Base
    destroy: bool = False
    # About single objects: it is not made again where the ledger has moved.
    limited: bool = False
    # Without a Record: who says, and where, what stays as it is.
    claims: ClaimChanges = ClaimChanges()
    # The pins that were set and released with it; and what is pinned then: the claimant by kind/name.
    pins: PinChanges = PinChanges()
    pinned: dict[str, str] = {}
    # What orders say with it.
    asked: Asked = Asked()
    # Made from the files as they were recorded, whatever they say by now: as requests are.
    recorded: bool = False
    # What the rules say of it; None: nobody asked them.
    ruling: Ruling | None = None
    # Whose files they are, and the commit that they came from.
    workspace: str = ""
    commit: str = ""
    # The checks that everything has passed which is accepted with this plan.
    checked: str = ""
    hosts: dict[str, dict[str, Any]] = {}
    # Secrets with a new version, or that could not be fetched, by name.
    secrets: dict[str, SecretUse] = {}

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not self.stages


def signed_effect(effect: str, pins: PinChanges, asked: Asked, ruling: Ruling | None = None) -> str:
    """The effect that approvers sign: of the stages, of what is held against the files or beside them, and of
    what the rules newly find."""
    if ruling is not None and ruling.counted:
        effect = canonical.digest([effect, ruling.counted])
    if asked:
        return canonical.digest([effect, pins, asked])
    return canonical.digest([effect, pins]) if pins else effect


def encode(plan: Plan) -> bytes:
    """A plan as bytes of JSON, for a file or the ledger."""
    return msgspec.json.encode(plan)


def decode(data: bytes) -> Plan:
    """Raises ``msgspec.DecodeError`` or ``msgspec.ValidationError`` where it is not a plan."""
    try:
        return msgspec.json.decode(data, type=Plan)
    except msgspec.ValidationError:
        raw = msgspec.json.decode(data)
        if not isinstance(raw, dict) or raw.get("version") != 1:
            raise
        return msgspec.convert(_from_first(raw), Plan)


def too_new(data: bytes) -> str:
    """In a sentence, that a plan is of a format that only a newer release knows; empty where it is not."""
    try:
        version = msgspec.json.decode(data, type=_Numbered).version
    except msgspec.MsgspecError:
        return ""
    if version <= FORMAT:
        return ""
    return f"the plan is of format {version}, which a newer release writes; this one reads 1 to {FORMAT}"


class _Numbered(msgspec.Struct):
    version: int


def _from_first(raw: dict[str, Any]) -> dict[str, Any]:
    """A plan of format 1 (release 0.1): it had every claim of the workspace, for its first Record."""
    said = msgspec.convert(raw.pop("claims", ()), tuple[ClaimRow, ...])
    first = next((stage for stage in raw["stages"] if stage["stage"] == "record"), None)
    if first is not None:
        first["claims"] = msgspec.to_builtins(ClaimChanges(said=said))
    return raw | {"version": 2}
