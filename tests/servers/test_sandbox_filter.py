"""The filter of system calls, run here instruction by instruction as the kernel would, for both machines."""

from __future__ import annotations

import errno
import struct

import pytest

from toolgate_servers.compute.sandbox import syscalls
from toolgate_servers.compute.sandbox.bpf import ALLOW, FAIL, KILL, MACHINES, seccomp_filter
from toolgate_servers.errors import CannotStart

MACHINE = list(MACHINES)
THREAD_FLAGS = 0x3D0F00  # what glibc starts a thread with
FORK_FLAGS = 0x1200011  # what glibc forks with


def verdict(program: bytes, machine: str, number: int, *arguments: int) -> int:
    """Run a filter on one call; gives what it answers."""
    given = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<iIQ6Q", number, MACHINES[machine], 0, *given)
    steps = [struct.unpack("=HBBI", program[at : at + 8]) for at in range(0, len(program), 8)]
    at = loaded = 0
    while True:
        code, yes, no, constant = steps[at]
        at += 1
        if code == 0x06:
            return int(constant)
        if code == 0x20:
            (loaded,) = struct.unpack_from("<I", data, constant)
        else:
            holds = {0x15: loaded == constant, 0x35: loaded >= constant, 0x45: bool(loaded & constant)}[code]
            at += yes if holds else no


def number(call: syscalls.Numbers, machine: str) -> int | None:
    return call.x86_64 if machine == "x86_64" else call.aarch64


@pytest.mark.parametrize("machine", MACHINE)
@pytest.mark.parametrize("forks", [True, False])
def test_every_refused_call_fails_and_ordinary_ones_do_not(machine: str, forks: bool) -> None:
    program = seccomp_filter(forks=forks, machine=machine)
    refused = {number(call, machine) for call in syscalls.REFUSED.values()} - {None}
    for one in refused:
        assert verdict(program, machine, one or 0) == FAIL | errno.EPERM
    special = {number(call, machine) for call in (syscalls.CLONE, syscalls.CLONE3, syscalls.SOCKET)}
    special |= {number(call, machine) for call in syscalls.FORKS.values() if not forks}
    for one in set(range(451)) - refused - special:
        assert verdict(program, machine, one) == ALLOW


@pytest.mark.parametrize("machine", MACHINE)
def test_only_threads_are_children_where_forks_are_not_wanted(machine: str) -> None:
    clone = number(syscalls.CLONE, machine) or 0
    alone, forking = (seccomp_filter(forks=forks, machine=machine) for forks in (False, True))
    assert verdict(alone, machine, clone, THREAD_FLAGS) == ALLOW
    assert verdict(alone, machine, clone, FORK_FLAGS) == FAIL | errno.EPERM
    assert verdict(forking, machine, clone, FORK_FLAGS) == ALLOW
    for space in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        for program in (alone, forking):
            assert verdict(program, machine, clone, THREAD_FLAGS | space) == FAIL | errno.EPERM


@pytest.mark.parametrize("machine", MACHINE)
def test_new_calls_and_twins_are_unknown_and_another_machine_is_the_end(machine: str) -> None:
    program = seccomp_filter(forks=True, machine=machine)
    for one in (435, 451, 999, 0x40000000 + 1, 2**31 - 1):
        assert verdict(program, machine, one) == FAIL | errno.ENOSYS
    (other,) = set(MACHINE) - {machine}
    assert verdict(program, other, 0) == KILL


@pytest.mark.parametrize("machine", MACHINE)
def test_sockets_are_of_one_kind_and_nobody_types_for_a_terminal(machine: str) -> None:
    program = seccomp_filter(forks=True, machine=machine)
    socket, ioctl = number(syscalls.SOCKET, machine) or 0, number(syscalls.IOCTL, machine) or 0
    assert verdict(program, machine, socket, 1) == ALLOW
    for family in (0, 2, 10, 16, 17, 38, 40, 2 + 2**32):
        assert verdict(program, machine, socket, family) == FAIL | errno.EPERM
    assert verdict(program, machine, ioctl, 0, 0x5401) == ALLOW
    for command in (0x5412, 0x541C, 0x5412 + 2**32):
        assert verdict(program, machine, ioctl, 0, command) == FAIL | errno.EPERM


def test_a_machine_that_is_not_known_does_not_start() -> None:
    with pytest.raises(CannotStart):
        seccomp_filter(forks=True, machine="riscv64")
