"""Whether a result reaches the caller: the checks on the way back, in their order."""

from __future__ import annotations

from typing import cast

from toolgate.core.case import Answer, ResultCheck
from toolgate.core.decide import view_of
from toolgate.core.fitting import agreeing, fitted
from toolgate.core.model import UNKNOWN, Call, Deliver, Fact, Facts, JsonObject, Need, Release, Withhold
from toolgate.core.policy import Policy, View
from toolgate.core.reasons import Reason
from toolgate.core.redact import redact, refused


def well_formed(answer: Answer) -> Withhold | None:
    """Withholds a tool result whose content is not a list of typed blocks."""
    if answer.call.method != "tools/call":
        return None
    content: object = answer.result.get("content", [])
    if isinstance(content, list):
        for block in cast("list[object]", content):
            if not isinstance(block, dict):
                break
        else:
            return None
    return Withhold(Reason.RESULT_MALFORMED, "result.content: expected a list of content blocks")


def nothing_refused(answer: Answer) -> Withhold | None:
    """Withholds a result holding an entity whose action is `refuse`."""
    findings = answer.facts.findings
    if findings is UNKNOWN or not findings:
        return None
    entities = refused(findings, answer.view.results)
    if not entities:
        return None
    return Withhold(Reason.SENSITIVE_RESULT, f"found {', '.join(entities)}")


def fits_output_schema(answer: Answer) -> Withhold | None:
    """Withholds structured content that breaks the tool's own output schema.

    A result with `isError` or one that asks for input is not held to it (MCP 2026-07-28 server/tools).
    """
    tool, result = answer.facts.tool, answer.result
    if tool is None or tool is UNKNOWN or tool.returns is None or not _final(result):
        return None
    if "structuredContent" not in result:
        return Withhold(
            Reason.RESULT_INVALID, "result.structuredContent: expected, the tool has an output schema"
        )
    mismatch = tool.returns(result["structuredContent"])
    if mismatch is not None:
        return Withhold(Reason.RESULT_INVALID, f"{mismatch.path}: expected {mismatch.expected}")
    return None


def in_shape(answer: Answer) -> JsonObject | Withhold:
    """The redacted result with structured content that fits the tool's output schema, formats among it.

    Text blocks that repeat it say the same. Where pseudonyms could look like what they stand for, that is
    for the caller to try first.
    """
    tool, result, redacted = answer.facts.tool, answer.result, answer.redacted
    if tool is None or tool is UNKNOWN or tool.returns is None or not _final(result):
        return redacted
    before, masked = result["structuredContent"], redacted.get("structuredContent")
    broken = tool.returns(masked)
    if broken is None and not tool.formats:
        return redacted
    made = fitted(before, masked, tool.gives, tool.returns)
    if made is masked:
        return redacted
    names = answer.facts.names
    if made is None or (names is not None and not names.shaped):
        where = (
            "$: expected a mask in its format"
            if broken is None
            else f"{broken.path}: expected {broken.expected}"
        )
        return Withhold(Reason.RESULT_NOT_REDACTABLE, where)
    return {**redacted, "structuredContent": made, "content": _agreeing(answer, before, made)}


def _agreeing(answer: Answer, before: object, made: object) -> list[JsonObject]:
    """The blocks beside structured content that was made to fit, saying the same."""
    given, masked = answer.result.get("content", []), answer.redacted.get("content", [])
    blocks: list[JsonObject] = []
    for old, new in zip(given, masked, strict=True):
        said = agreeing(old["text"], before, made) if isinstance(old.get("text"), str) else None
        blocks.append(new if said is None or "text" not in new else {**new, "text": said})
    return blocks


RELEASE: tuple[ResultCheck, ...] = (well_formed, nothing_refused, fits_output_schema)


def release(
    result: JsonObject, call: Call, facts: Facts, policy: Policy, view: View | None = None
) -> Release:
    """Judge one result. `facts.findings` are those of the result, numbered as `texts.texts(result)`.

    `view` is what the policy says of this call, where somebody has looked it up.
    """
    view = view or view_of(call, policy)
    if view.wanted_results and facts.findings is UNKNOWN:
        return Need(frozenset({Fact.FINDINGS}))
    findings = () if facts.findings is UNKNOWN else facts.findings
    redacted: JsonObject = (
        redact(result, findings, view.results, facts.texts, facts.names) if findings else result
    )
    answer = Answer(call, facts, view, result, redacted)
    for check in RELEASE:
        verdict = check(answer)
        if verdict is not None:
            return verdict
    if redacted is not result:
        shaped = in_shape(answer)
        if isinstance(shaped, Withhold):
            return shaped
        redacted = shaped
    if view.max_chars is None:
        return Deliver(redacted, findings)
    short = truncated(redacted, view.max_chars)
    return Deliver(short, findings, short is not redacted)


def truncated(result: JsonObject, most: int) -> JsonObject:
    """Text blocks longer than `most` characters keep their head and tail; structured content is never cut."""
    content: object = result.get("content")
    if not isinstance(content, list):
        return result
    given = cast("list[object]", content)
    blocks = [_shortened(block, most) for block in given]
    changed = any(new is not old for new, old in zip(blocks, given, strict=True))
    return {**result, "content": blocks} if changed else result


def _shortened(block: object, most: int) -> object:
    if not isinstance(block, dict):
        return block
    fields = cast("JsonObject", block)
    text: object = fields.get("text")
    if not isinstance(text, str) or len(text) <= most:
        return fields
    head = most - most // 3
    left_out = len(text) - most
    tail = text[len(text) - (most - head) :]
    return {**fields, "text": f"{text[:head]}\n[… {left_out} characters left out by policy …]\n{tail}"}


def _final(result: JsonObject) -> bool:
    return result.get("isError") is not True and result.get("resultType", "complete") == "complete"
