"""The settings of a server: one strict YAML file, in which secrets are only referred to."""

import difflib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from toolgate_servers.errors import CannotStart
from toolgate_servers.plainyaml import Lines, Steps, read_yaml, spelled

MAX_SECRET_BYTES = 64 * 1024
REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")

KINDS: dict[type, str] = {
    bool: "true or false",  # before int, which it also is
    str: "text",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}


class Settings(BaseModel):
    """A part of a settings file; unknown keys are refused and no type is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _beside(path: Path, info: ValidationInfo) -> Path:
    context: dict[str, Path] = info.context or {}
    return context.get("folder", Path()) / path.expanduser()


def _reference(reference: str, info: ValidationInfo) -> str:
    if REFERENCE.fullmatch(reference) is None:
        raise PydanticCustomError("secret", "env:NAME or file:/path; a secret itself does not belong here")
    scheme, _, name = reference.partition(":")
    return reference if scheme == "env" else f"file:{_beside(Path(name), info)}"


# A path; a relative one is relative to the folder of the settings file.
Place: TypeAlias = Annotated[Path, AfterValidator(_beside)]
# Where a secret is: env:NAME or file:/path.
Secret: TypeAlias = Annotated[str, AfterValidator(_reference)]

SettingsT = TypeVar("SettingsT", bound=Settings)


def load_settings(path: Path, model: type[SettingsT]) -> SettingsT:
    """Read a settings file.

    Raises:
        CannotStart: With one line for each mistake: file, line, key, what was found, what was expected.
    """
    content, lines = read_yaml(path)
    try:
        # JSON rules, strictly: lists may become tuples and text a path, but "yes" never becomes true.
        return model.model_validate_json(
            json.dumps({} if content is None else content), strict=True, context={"folder": path.parent}
        )
    except ValidationError as mistakes:
        found = [
            (tuple(mistake["loc"]), mistake["type"], mistake["msg"], mistake.get("ctx", {}))
            for mistake in mistakes.errors(include_url=False, include_input=False)
        ]
        told = sorted({_told(path, lines, content, model, *mistake) for mistake in found})
        raise CannotStart("\n".join(text for _, text in told)) from None


def resolve_secret(reference: str) -> str:
    """Give the secret that a reference names, without the line end of a file.

    Raises:
        CannotStart: It is not there or empty; the text names the reference only.
    """
    scheme, _, name = reference.partition(":")
    if scheme == "env":
        value = os.environ.get(name, "")
    else:
        try:
            with Path(name).open("rb") as file:
                value = file.read(MAX_SECRET_BYTES).decode("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise CannotStart(
                f"{reference}: found {type(problem).__name__}, expected a readable secret"
            ) from None
    if not value:
        raise CannotStart(f"{reference}: found nothing, expected a secret there")
    return value


def _told(
    path: Path, lines: Lines, content: Any, model: type[BaseModel], loc: Steps, kind: str, msg: str, ctx: Any
) -> tuple[int, str]:
    at = _in_file(loc, content)
    line = next(lines[at[:length]] for length in range(len(at), -1, -1) if at[:length] in lines)
    where = f"{path}:{line} {spelled(at)}"
    if kind == "extra_forbidden":
        known = sorted(_keys(model, at[:-1]))
        near = _nearest(str(at[-1]), known)
        return line, f"{where}: found an unknown key, expected one of {', '.join(known)}{near}"
    if kind == "missing":
        return line, f"{where}: found nothing, expected a value"
    value = _value(content, at)
    found = next((name for form, name in KINDS.items() if isinstance(value, form)), "a value")
    expected = str(ctx.get("expected", "")) or re.sub(r"^(?:Input|Value) should be |^Value error, ", "", msg)
    near = _nearest(value, re.findall(r"'([^']*)'", expected)) if isinstance(value, str) else ""
    return line, f"{where}: found {found}, expected {expected}{near}"


def _in_file(loc: Steps, content: Any) -> Steps:
    """Leave out the steps of a location that name a branch of a union and not a place in the file."""
    at: list[str | int] = []
    for number, step in enumerate(loc):
        held = (isinstance(content, dict) and step in content) or (
            isinstance(content, list) and isinstance(step, int)
        )
        if held or (number == len(loc) - 1 and isinstance(content, dict)):
            at.append(step)
            content = _value(content, (step,))
    return tuple(at)


def _value(content: Any, at: Steps) -> Any:
    for step in at:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return None
    return content


def _keys(model: type[BaseModel], at: Steps) -> set[str]:
    """Give the keys that are known at a place."""
    models = {model}
    for step in at:
        annotations = [one.model_fields[step].annotation for one in models if step in one.model_fields]
        inner = {found for annotation in annotations for found in _models(annotation)}
        models = inner or models
    return {field.alias or name for one in models for name, field in one.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
