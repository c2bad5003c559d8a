"""The system calls that the jail refuses, with their numbers."""

from typing import Final, NamedTuple


class Numbers(NamedTuple):
    """The number of one call on each machine; None where it does not exist."""

    x86_64: int | None
    aarch64: int | None


# What reaches into other processes, the kernel, mounts, clocks, keys, quotas or devices; nothing that counts
# or draws needs it. Later calls than these do not exist inside (see bpf.FIRST_UNKNOWN).
REFUSED: Final[dict[str, Numbers]] = {
    "_sysctl": Numbers(156, None),
    "acct": Numbers(163, 89),
    "add_key": Numbers(248, 217),
    "adjtimex": Numbers(159, 171),
    "bpf": Numbers(321, 280),
    "chroot": Numbers(161, 51),
    "clock_adjtime": Numbers(305, 266),
    "clock_settime": Numbers(227, 112),
    "create_module": Numbers(174, None),
    "delete_module": Numbers(176, 106),
    "fanotify_init": Numbers(300, 262),
    "fanotify_mark": Numbers(301, 263),
    "finit_module": Numbers(313, 273),
    "fsconfig": Numbers(431, 431),
    "fsmount": Numbers(432, 432),
    "fsopen": Numbers(430, 430),
    "fspick": Numbers(433, 433),
    "get_kernel_syms": Numbers(177, None),
    "init_module": Numbers(175, 105),
    "io_uring_enter": Numbers(426, 426),
    "io_uring_register": Numbers(427, 427),
    "io_uring_setup": Numbers(425, 425),
    "ioperm": Numbers(173, None),
    "iopl": Numbers(172, None),
    "kcmp": Numbers(312, 272),
    "kexec_file_load": Numbers(320, 294),
    "kexec_load": Numbers(246, 104),
    "keyctl": Numbers(250, 219),
    "lookup_dcookie": Numbers(212, 18),
    "mbind": Numbers(237, 235),
    "memfd_create": Numbers(319, 279),  # memory that no limit counts, as the next and shmget
    "memfd_secret": Numbers(447, 447),
    "migrate_pages": Numbers(256, 238),
    "mknod": Numbers(133, None),
    "mknodat": Numbers(259, 33),
    "modify_ldt": Numbers(154, None),
    "mount": Numbers(165, 40),
    "mount_setattr": Numbers(442, 442),
    "move_mount": Numbers(429, 429),
    "move_pages": Numbers(279, 239),
    "name_to_handle_at": Numbers(303, 264),
    "nfsservctl": Numbers(180, 42),
    "open_by_handle_at": Numbers(304, 265),
    "open_tree": Numbers(428, 428),
    "perf_event_open": Numbers(298, 241),
    "personality": Numbers(135, 92),
    "pidfd_getfd": Numbers(438, 438),
    "pivot_root": Numbers(155, 41),
    "process_madvise": Numbers(440, 440),
    "process_mrelease": Numbers(448, 448),
    "process_vm_readv": Numbers(310, 270),
    "process_vm_writev": Numbers(311, 271),
    "ptrace": Numbers(101, 117),
    "query_module": Numbers(178, None),
    "quotactl": Numbers(179, 60),
    "quotactl_fd": Numbers(443, 443),
    "reboot": Numbers(169, 142),
    "request_key": Numbers(249, 218),
    "set_mempolicy": Numbers(238, 237),
    "set_mempolicy_home_node": Numbers(450, 450),
    "setdomainname": Numbers(171, 162),
    "sethostname": Numbers(170, 161),
    "setns": Numbers(308, 268),
    "settimeofday": Numbers(164, 170),
    "msgget": Numbers(68, 186),
    "semget": Numbers(64, 190),
    "shmget": Numbers(29, 194),
    "swapoff": Numbers(168, 225),
    "swapon": Numbers(167, 224),
    "sysfs": Numbers(139, None),
    "syslog": Numbers(103, 116),
    "umount2": Numbers(166, 39),
    "unshare": Numbers(272, 97),
    "uselib": Numbers(134, None),
    "userfaultfd": Numbers(323, 282),
    "ustat": Numbers(136, None),
    "vhangup": Numbers(153, 58),
}

# Refused as well where one process must stay one process.
FORKS: Final[dict[str, Numbers]] = {"fork": Numbers(57, None), "vfork": Numbers(58, None)}

# Refused by what they are asked for.
CLONE: Final = Numbers(56, 220)
CLONE3: Final = Numbers(435, 435)
SOCKET: Final = Numbers(41, 198)
IOCTL: Final = Numbers(16, 29)
