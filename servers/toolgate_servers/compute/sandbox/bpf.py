"""A seccomp filter as classic BPF, made here so that no library is needed."""

import errno
import platform
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from toolgate_servers.compute.sandbox import syscalls
from toolgate_servers.compute.sandbox.syscalls import Numbers
from toolgate_servers.errors import CannotStart

# linux/bpf_common.h
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# linux/seccomp.h
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
# struct seccomp_data: int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]; little-endian
NUMBER, MACHINE, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24

# Calls that came after Linux 5.17 answer as on an older kernel; so do the x32 twins of every call.
FIRST_UNKNOWN: Final = 451
NEW_NAMESPACES: Final = 0x7E020080  # CLONE_NEW*: user, pid, net, ipc, uts, cgroup, mount, time
THREAD: Final = 0x00010000  # CLONE_THREAD
UNIX: Final = 1  # AF_UNIX; not vsock or netlink, which no network namespace holds back
TERMINAL_INPUT: Final = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

MACHINES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h


class Step(NamedTuple):
    """One instruction: what to do, how far to jump if it holds or not, and its constant."""

    code: int
    yes: int = 0
    no: int = 0
    constant: int = 0


def seccomp_filter(*, forks: bool, machine: str | None = None) -> bytes:
    """Make the filter for this machine; without `forks`, threads are the only children.

    Raises:
        CannotStart: The machine is neither x86_64 nor aarch64.
    """
    name = machine or platform.machine()
    if name not in MACHINES:
        raise CannotStart(f"bubblewrap: found a machine of the kind {name}, expected {' or '.join(MACHINES)}")
    return b"".join(struct.pack("=HBBI", *step) for step in _program(name, forks=forks))


def _program(machine: str, *, forks: bool) -> list[Step]:
    def number(call: Numbers) -> int | None:
        return call.x86_64 if machine == "x86_64" else call.aarch64

    never = {} if forks else syscalls.FORKS
    refused = [*syscalls.REFUSED.values(), *never.values()]
    return [
        Step(LOAD, constant=MACHINE),
        Step(JUMP_EQUAL, yes=1, constant=MACHINES[machine]),
        _answer(KILL),
        Step(LOAD, constant=NUMBER),
        *_when(Step(JUMP_AT_LEAST, constant=FIRST_UNKNOWN), [_fail(errno.ENOSYS)]),
        *_calls((number(call) for call in refused), [_fail(errno.EPERM)]),
        *_calls([number(syscalls.CLONE3)], [_fail(errno.ENOSYS)]),  # libraries fall back to clone
        *_calls([number(syscalls.CLONE)], _cloning(forks=forks)),
        *_calls([number(syscalls.SOCKET)], _only(FIRST_ARGUMENT, UNIX)),
        *_calls([number(syscalls.IOCTL)], _never(SECOND_ARGUMENT, TERMINAL_INPUT)),
        _answer(ALLOW),
    ]


def _cloning(*, forks: bool) -> list[Step]:
    thread = [] if forks else [Step(JUMP_ANY_BIT, yes=1, constant=THREAD), _fail(errno.EPERM)]
    return [
        Step(LOAD, constant=FIRST_ARGUMENT),
        *_when(Step(JUMP_ANY_BIT, constant=NEW_NAMESPACES), [_fail(errno.EPERM)]),
        *thread,
        _answer(ALLOW),
    ]


def _only(argument: int, value: int) -> list[Step]:
    return [
        Step(LOAD, constant=argument),
        Step(JUMP_EQUAL, yes=1, constant=value),
        _fail(errno.EPERM),
        _answer(ALLOW),
    ]


def _never(argument: int, values: Iterable[int]) -> list[Step]:
    refused = [
        step for value in values for step in _when(Step(JUMP_EQUAL, constant=value), [_fail(errno.EPERM)])
    ]
    return [Step(LOAD, constant=argument), *refused, _answer(ALLOW)]


def _calls(numbers: Iterable[int | None], then: list[Step]) -> list[Step]:
    return [
        step
        for number in numbers
        if number is not None
        for step in _when(Step(JUMP_EQUAL, constant=number), then)
    ]


def _when(test: Step, then: list[Step]) -> list[Step]:
    return [test._replace(no=len(then)), *then]


def _fail(number: int) -> Step:
    return _answer(FAIL | number)


def _answer(action: int) -> Step:
    return Step(RETURN, constant=action)
