"""The tool that runs Python once and forgets it."""

from typing import Annotated, Literal

from pydantic import Field

from toolgate_servers.compute.sandbox.cells import MAX_CODE, Ran
from toolgate_servers.compute.sandboxes import Sandboxes
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run
from toolgate_servers.server import Family
from toolgate_servers.strict import (
    READS,
    Arguments,
    Outcome,
    Picture,
    Shown,
    described,
    strict_tool,
)

Code = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_CODE,
        description="Python source. The value of the last line, if it is an expression, comes back as "
        "`value`; what is printed as `output`.",
        examples=["total = sum(range(10))\ntotal"],
    ),
]


class RunPython(Arguments):
    """What `run_python` takes."""

    code: Code
    libraries: Annotated[
        list[Literal["numpy", "pandas", "matplotlib", "polars"]],
        Field(
            max_length=4,
            description="What the code imports beside the standard library. Empty for plain Python, which "
            "starts fastest. Open matplotlib figures come back as pictures.",
        ),
    ] = []  # noqa: RUF012  # pydantic copies it
    seconds: Annotated[
        int, Field(ge=1, le=600, description="How long the code may run; at most what the server allows.")
    ] = 10


class PythonRan(Outcome):
    """What `run_python` gives."""

    value: Annotated[
        str | None,
        Field(description="The value of the last line as Python writes it; nothing if there is none."),
    ]
    output: Annotated[str, Field(description="What was printed, up to 20,000 characters.")]
    truncated: Annotated[bool, Field(description="True when more was printed than `output` has.")]
    error: Annotated[
        str | None, Field(description="The traceback when the code raised; nothing if it did not.")
    ]
    pictures: Annotated[int, Field(description="How many pictures come beside this.")]
    sandbox: Annotated[Literal["monty", "bubblewrap"], Field(description="Where the code ran.")]


def family(sandboxes: Sandboxes) -> Family:
    """Make the family of tools that run Python once."""

    def run_python(arguments: RunPython, run: Run) -> PythonRan | Shown[PythonRan]:
        libraries = _libraries(arguments, sandboxes)
        seconds = min(arguments.seconds, sandboxes.longest)
        with sandboxes.place(run):
            interpreter = sandboxes.interpreter(seconds, libraries=libraries)
            try:
                ran = interpreter.run(arguments.code, seconds, run)
            finally:
                interpreter.close()
        return shown(ran, sandboxes.which(libraries=libraries))

    tool = strict_tool(
        run_python,
        name="run_python",
        takes=RunPython,
        gives=PythonRan,
        title="Run Python",
        description=described(
            "Run Python in a sandbox without files, network or processes, and forget it afterwards. "
            f"Here it may import {_words(sandboxes)}.",
            use="a result needs loops, text work, statistics or an algorithm, or a plot",
            not_for="one formula (calculate), tables (transform_data) or several steps (notebook_open)",
            example={"code": "squares = [n * n for n in range(5)]\nsum(squares)"},
        ),
        annotations=READS,
        timeout=sandboxes.longest + 20.0,
    )
    return Family("python", sandboxes.about, [tool])


def shown(ran: Ran, sandbox: Literal["monty", "bubblewrap"]) -> PythonRan | Shown[PythonRan]:
    """Give what came of code, with its pictures beside it."""
    outcome = PythonRan(
        value=ran.value,
        output=ran.output,
        truncated=ran.truncated,
        error=ran.error,
        pictures=len(ran.pictures),
        sandbox=sandbox,
    )
    return Shown(outcome, pictures(ran)) if ran.pictures else outcome


def pictures(ran: Ran) -> tuple[Picture, ...]:
    """Give the pictures that came of code."""
    return tuple(Picture(content, "image/png") for content in ran.pictures)


def not_available(where: str, sandboxes: Sandboxes) -> Refused:
    """Make the refusal of libraries that are not here."""
    return Refused(
        Reason.NOT_AVAILABLE,
        where,
        found="a library that this server does not have",
        expected=_words(sandboxes),
    )


def _libraries(arguments: RunPython, sandboxes: Sandboxes) -> bool:
    if any(name not in sandboxes.libraries for name in arguments.libraries):
        raise not_available("libraries", sandboxes)
    return bool(arguments.libraries)


def _words(sandboxes: Sandboxes) -> str:
    return ", ".join(sandboxes.libraries) if sandboxes.libraries else "the standard library only"
