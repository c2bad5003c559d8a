"""A policy file as people write it. Every key, its type and what it says when it is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    model_validator,
)

from toolgate.core.model import Direction, JsonObject, Tier
from toolgate.core.texts import texts
from toolgate.core.undo import reference
from toolgate.documents import json_schema
from toolgate.mistakes import Steps
from toolgate.policy.spelling import (
    ActionWord,
    Channel,
    Cost,
    Domains,
    Duration,
    Entity,
    Expression,
    Filled,
    Folders,
    Globs,
    MediaType,
    MethodPattern,
    NamePattern,
    Networks,
    Octets,
    Rate,
    RoleName,
    Scalar,
    Score,
    Spending,
    Texts,
    ToolName,
    UpstreamName,
    UriPattern,
)


def _references(template: dict[str, JsonValue]) -> dict[str, JsonValue]:
    for text in texts(template):
        reference(text)
    return template


def _by_a_person(channels: list[str]) -> list[str]:
    if "elicit" in channels:
        raise ValueError(
            "found elicit, which proves the client's consent and no person's,"
            " expected channels where a person decides"
        )
    return channels


class Part(BaseModel):
    """Any mapping of a policy file: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=False)


# Integers stay exact, and bounds are finite.
Number: TypeAlias = Annotated[
    int | Annotated[float, Field(allow_inf_nan=False)], WithJsonSchema({"type": "number"})
]


class Bounds(Part):
    """The least and the most a number may be; both belong to the range."""

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Bounds:
        if self.min is None and self.max is None:
            raise ValueError("found no bound, expected min, max or both")
        return self


class UrlShape(Part):
    """What a URL must be. `ports` are those beside the scheme's own, `paths` are globs."""

    schemes: Annotated[list[str], Filled] = ["https"]
    hosts: Domains | None = None
    ports: Annotated[list[Annotated[int, Field(ge=1, le=65535)]], Filled] | None = None
    paths: Globs | None = None


class Matchers(Part):
    """What one argument must satisfy; several keys must all hold."""

    equals: JsonValue = None
    in_: Annotated[list[Scalar], Filled] | None = Field(None, alias="in")
    not_in: Annotated[list[Scalar], Filled] | None = None
    prefix: Texts | None = None
    suffix: Texts | None = None
    glob: Globs | None = None
    regex: Expression | None = None
    range_: Bounds | None = Field(None, alias="range")
    max_length: Annotated[int, Field(ge=0)] | None = None
    each: Matchers | None = None
    any_: Matchers | None = Field(None, alias="any")
    domain: Domains | None = None
    cidr: Networks | None = None
    url: UrlShape | None = None
    path: Folders | None = None
    argv: Annotated[list[str], Filled] | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Matchers:
        stated = self.model_fields_set - {"optional"}
        if not stated or any(getattr(self, name) is None for name in stated - {"equals"}):
            raise ValueError(
                "found a condition that says nothing, expected at least one matcher with a value"
            )
        return self


class Argument(Matchers):
    """What one argument must satisfy. Where it is optional it may also be missing or null."""

    optional: bool = False


When: TypeAlias = dict[str, Argument]


class Tiers(Part):
    """The only place where tiers are given; the most specific name wins."""

    read: list[NamePattern] = []
    reversible: list[NamePattern] = []
    irreversible: list[NamePattern] = []
    privileged: list[NamePattern] = []

    def entries(self) -> list[tuple[Steps, str, Tier]]:
        """Place, text and tier of every pattern."""
        return [
            (("tiers", tier.value, number), text, tier)
            for tier in Tier
            for number, text in enumerate(getattr(self, tier.value))
        ]


class Limits(Part):
    """How often and for how much; per caller in a role, per caller and tool in a tool."""

    calls: Rate | None = None
    cost: Spending | None = None


class ToolGrant(Part):
    """A tool that a role reaches under conditions of its own."""

    tool: NamePattern
    when: When = {}


class RolePart(Part):
    """What a role reaches, never a tier."""

    extends: list[RoleName] = []
    tools: list[NamePattern | ToolGrant] = []
    prompts: list[NamePattern] = []
    resources: list[UriPattern] = []
    methods: list[MethodPattern] = []
    limits: Limits = Limits()
    servers_may: list[Literal["elicit", "sample", "list_roots"]] = []
    may_approve: list[Literal["irreversible", "privileged"]] = []


class UndoPart(Part):
    """The call that takes a call of this tool back, and for how long it can."""

    call: ToolName
    with_: Annotated[dict[str, JsonValue], AfterValidator(_references)] = Field({}, alias="with")
    within: Duration


class ToolPart(Part):
    """What holds for a tool whoever calls it."""

    when: When = {}
    limits: Limits = Limits()
    cost: Cost | None = None
    timeout: Duration | None = None
    undo: UndoPart | None = None
    destinations_in: list[str] = []


class Actions(Part):
    """The action per entity, and from which score on a finding of an entity counts."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
    # fmt: off
    __pydantic_extra__: dict[Entity, ActionWord] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride] - pydantic's own way to type further keys
    # fmt: on

    scores: dict[Entity, Score] = {}

    @model_validator(mode="after")
    def _single_scores(self) -> Actions:
        if "other" in self.scores:
            raise ValueError("found a score for other, expected scores of single entities")
        return self

    @property
    def words(self) -> Mapping[str, str]:
        """The action of each entity, as written."""
        return self.__pydantic_extra__


class Directions(Part):
    """What is done with findings on the way to an upstream and on the way back."""

    arguments: Actions = Actions()
    results: Actions = Actions()

    def way(self, direction: Direction) -> Actions:
        """What is stated for one direction."""
        return self.arguments if direction == "arguments" else self.results


class PseudonymsPart(Part):
    """Who shares pseudonyms, and how long after it was last given out one can be put back."""

    within: Literal["session", "caller", "tenant"] = "caller"
    keep: Duration = "30d"


class LayersPart(Directions):
    """The actions for everything, then what single upstreams and tools state for themselves."""

    upstreams: dict[UpstreamName, Directions] = {}
    tools: dict[NamePattern, Directions] = {}


class RedactionPart(LayersPart):
    """The actions for every caller, then what single roles state; of several roles the strictest counts.

    `restore` says which tool's arguments get values back for pseudonyms, whatever upstream they came from.
    """

    restore: dict[NamePattern, dict[str, Annotated[list[Entity], Filled]]] = {}
    pseudonyms: PseudonymsPart = PseudonymsPart()
    roles: dict[RoleName, LayersPart] = {}


class ApprovalPart(Part):
    """Where a held call of one tier can be decided, how long it stays open and how long its caller waits."""

    channels: Annotated[list[Channel], Filled] = ["console", "cli"]
    expires: Duration | None = None
    wait: Duration | None = None
    grants: bool = True


class PrivilegedPart(ApprovalPart):
    """The same for privileged calls: no grant answers for a person unless the policy says so."""

    channels: Annotated[list[Channel], Filled, AfterValidator(_by_a_person)] = ["console", "cli"]
    grants: bool = False


class ReversiblePart(ApprovalPart):
    """The same for reversible calls, which are only asked about for what they would send."""

    ask_about: list[Entity] = ["secrets", "CREDIT_CARD", "IBAN_CODE", "US_SSN"]


class ApprovalsPart(Part):
    """How held calls are decided. `prompts` limits the calls held per caller."""

    reversible: ReversiblePart = ReversiblePart()
    irreversible: ApprovalPart = ApprovalPart()
    privileged: PrivilegedPart = PrivilegedPart()
    prompts: Rate | None = "60/hour"


class BinaryPart(Part):
    """What binary content may pass: of which types, and how large one piece may be. Text is not meant."""

    max_bytes: Octets | None = None
    types: Annotated[list[MediaType], Filled] | None = None


class ResultsPart(Part):
    """How much of a result a caller is given, and which binary content."""

    max_chars: Annotated[int, Field(ge=1, le=1 << 30)] | None = None
    truncate: Literal["head-and-tail"] = "head-and-tail"
    binary: BinaryPart | None = None


class PolicyFile(Part):
    """A toolgate policy: who may call which tool, under which conditions, and what a person must approve."""

    version: Literal[1]
    mode: Literal["enforce", "shadow"] = "enforce"
    unlisted: Literal["refuse", "hold"] = "refuse"
    tiers: Tiers = Tiers()
    roles: dict[RoleName, RolePart] = {}
    tools: dict[NamePattern, ToolPart] = {}
    redaction: RedactionPart = RedactionPart()
    approval: ApprovalsPart = ApprovalsPart()
    results: ResultsPart = ResultsPart()


def schema() -> JsonObject:
    """The JSON Schema of a policy file."""
    return json_schema(PolicyFile)
