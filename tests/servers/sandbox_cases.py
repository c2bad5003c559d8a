"""What hostile code tries, by name; whatever succeeds prints PWNED.

`jail` is what must be seen in the jail: a word of the error, `held` (printed by the case), or a reason.
The embedded sandbox must answer every case with an error or a refusal, except those that are harmless there.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One attempt."""

    code: str
    jail: str
    harmless_embedded: bool = False  # there it ends quickly and touches nothing, so it may succeed


def pwned_by(expression: str, setup: str = "") -> str:
    """Say PWNED if an expression works."""
    return f"{setup}\nresult = {expression}\nprint('PWNED', result)"


def call(numbers: str, *arguments: str) -> str:
    """Make a system call by its number, on either machine."""
    given = ", ".join(arguments)
    return (
        "import ctypes, platform\n"
        f"number = dict(zip(('x86_64', 'aarch64'), {numbers}))[platform.machine()]\n"
        f"code = ctypes.CDLL(None, use_errno=True).syscall(number{', ' + given if given else ''})\n"
        "print('PWNED' if code != -1 else 'held')"
    )


LIMIT = "limit-reached"
FAILED = "sandbox-failed"
FILES = {
    "read the accounts": Case(pwned_by("open('/etc/passwd').read()"), "FileNotFoundError"),
    "read the passwords": Case(pwned_by("open('/etc/shadow').read()"), "FileNotFoundError"),
    "read a file that everybody may": Case(pwned_by("open('CANARY').read()"), "FileNotFoundError"),
    "read it through dots": Case(pwned_by("open('/tmp/../../..CANARY').read()"), "FileNotFoundError"),
    "read it through a link": Case(
        pwned_by("open('/tmp/l').read()", "import os\nos.symlink('CANARY', '/tmp/l')"), "FileNotFoundError"
    ),
    "read it through the root of another process": Case(
        pwned_by("open('/proc/1/root' + 'CANARY').read()"), "FileNotFoundError"
    ),
    "read it through the folder of the first process": Case(
        pwned_by("open('/proc/1/cwd' + 'CANARY').read()"), "Error"
    ),
    "list the homes": Case(pwned_by("os.listdir('/home')", "import os"), "FileNotFoundError"),
    "read keys of root": Case(pwned_by("os.listdir('/root/.ssh')", "import os"), "FileNotFoundError"),
    "list the settings": Case(pwned_by("os.listdir('/etc')", "import os"), "FileNotFoundError"),
    "read through a path object": Case(
        pwned_by("Path('/etc/passwd').read_text()", "from pathlib import Path"), "FileNotFoundError"
    ),
    "read with a null in the name": Case(pwned_by("open('/etc/passwd\\x00').read()"), "ValueError"),
    "write into the system": Case(pwned_by("open('/usr/lib/x', 'w')"), "Read-only"),
    "write into the root": Case(pwned_by("open('/x', 'w')"), "Read-only"),
    "write into shared memory": Case(pwned_by("open('/dev/shm/x', 'w')"), "Error"),
    "change the standard library": Case(pwned_by("open(os.__file__, 'a')", "import os"), "Error"),
    "change what runs before it": Case(pwned_by("open('/inside/guest.py', 'w')"), "Read-only"),
    "make a device": Case(
        pwned_by("os.mknod('/tmp/d', 0o60600, os.makedev(8, 0))", "import os"), "PermissionError"
    ),
    "read the memory of the machine": Case(pwned_by("open('/dev/mem', 'rb').read(1)"), "FileNotFoundError"),
    "read the memory of the kernel": Case(pwned_by("open('/proc/kcore', 'rb').read(1)"), "Error"),
    "change the kernel": Case(pwned_by("open('/proc/sys/kernel/core_pattern', 'w')"), "Error"),
    "trigger the kernel": Case(pwned_by("open('/proc/sysrq-trigger', 'w')"), "Error"),
    "look at the hardware": Case(pwned_by("os.listdir('/sys/class')", "import os"), "FileNotFoundError"),
    "take descriptors that were left open": Case(
        "import os\nfolder = '/proc/self/fd/'\nfine = ('/dev/null', '/proc', '/inside')\n"
        "links = [os.readlink(folder + n) for n in os.listdir(folder) if os.path.exists(folder + n)]\n"
        "bad = [link for link in links if link.startswith('/') and not link.startswith(fine)]\n"
        "print('PWNED' if bad else 'held', bad)",
        "held",
    ),
    "fill the disk": Case(
        "data = b'x' * 1000000\nwith open('/tmp/f', 'wb') as file:\n"
        "    for n in range(1000): file.write(data)\n    file.flush()\nprint('PWNED')",
        "Error",
    ),
    "make a million files": Case(
        "for n in range(1000000):\n    open(f'/tmp/{n}', 'w').close()\nprint('PWNED')", LIMIT
    ),
    "write a very long file": Case(
        pwned_by("os.truncate('/tmp/f', 1 << 40)", "import os\nopen('/tmp/f', 'w').close()"), "File too large"
    ),
}
SECRETS = {
    "read the environment": Case(
        "import os\nprint('PWNED' if 'TOOLGATE_CANARY' in dict(os.environ) else 'held')", "held"
    ),
    "ask for one variable": Case(
        "import os\nprint('PWNED' if os.getenv('TOOLGATE_CANARY') else 'held')", "held"
    ),
    "read the environment of others": Case(
        "import os\nfound = b''\nfor n in os.listdir('/proc'):\n    if n.isdigit():\n        try: found += "
        "open(f'/proc/{n}/environ', 'rb').read()\n        except OSError: pass\n"
        "print('PWNED' if b'TOOLGATE_CANARY' in found else 'held')",
        "held",
    ),
    "see other processes": Case(
        "import os\nseen = [n for n in os.listdir('/proc') if n.isdigit()]\n"
        "print('PWNED' if len(seen) > 3 else 'held', seen)",
        "held",
    ),
    "learn the name of the machine": Case(
        "import os\nprint('PWNED' if os.uname().nodename != 'jail' else 'held')", "held"
    ),
    "be root": Case("import os\nprint('PWNED' if os.getuid() == 0 else 'held')", "held"),
    "read mounts of the host": Case(
        "seen = open('/proc/self/mountinfo').read()\nprint('PWNED' if '/home' in seen else 'held')", "held"
    ),
}
PROCESSES = {
    "fork": Case(pwned_by("os.fork()", "import os"), "PermissionError"),
    "fork bomb": Case(
        "import os\nmade = 0\nfor n in range(10000):\n    try: made += os.fork() >= 0\n"
        "    except OSError: pass\nprint('PWNED' if made else 'held')",
        "held",
    ),
    "start a program": Case(pwned_by("subprocess.run(['/bin/ls'])", "import subprocess"), "Error"),
    "start a shell": Case("import os\nprint('PWNED' if os.system('true') == 0 else 'held')", "held"),
    "spawn": Case(pwned_by("os.posix_spawn('/bin/ls', ['ls'], {})", "import os"), "Error"),
    "become another program": Case(pwned_by("os.execv('/usr/bin/id', ['id'])", "import os"), "FileNotFound"),
    "fork by number": Case(call("(57, 220)", "17", "0", "0", "0", "0"), "held"),
    "clone with a structure": Case(call("(435, 435)", "ctypes.create_string_buffer(88)", "88"), "held"),
    "thread bomb": Case(
        "import threading, time\nmade = 0\ntry:\n    for n in range(10000):\n"
        "        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n        made += 1\n"
        "except RuntimeError: pass\nprint('PWNED' if made > 100 else 'held')",
        "held",
    ),
    "kill the parent": Case(
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nprint('held')", "held"
    ),
    "kill the server": Case(pwned_by("os.kill(SERVER_PID, 9)", "import os"), "ProcessLookupError"),
    "kill everything": Case("import os, signal\nos.kill(-1, signal.SIGKILL)\nprint('held')", "ProcessLookup"),
    "end the process": Case("import os\nos._exit(0)", FAILED),
    "crash the process": Case("import ctypes\nctypes.string_at(0)", FAILED),
    "stop the process": Case(
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nprint('held')", "held"
    ),
    "become root": Case(pwned_by("os.setuid(0)", "import os"), "Error"),
    "raise the limits": Case(
        pwned_by("resource.setrlimit(resource.RLIMIT_AS, (-1, -1))", "import resource"),
        "ValueError",
    ),
}
KERNEL = {
    "trace another process": Case(call("(101, 117)", "16", "1", "0", "0"), "held"),
    "read the memory of another": Case(call("(310, 270)", "1", "0", "0", "0", "0", "0"), "held"),
    "write the memory of another": Case(
        "import os\nothers = [n for n in os.listdir('/proc') if n.isdigit() and n != str(os.getpid())]\n"
        "for n in others:\n    open(f'/proc/{n}/mem', 'r+b')\n    print('PWNED')\nprint('held')",
        "held",
    ),
    "make a user namespace": Case(call("(272, 97)", "0x10000000"), "held"),
    "make one by clone": Case(call("(56, 220)", "0x10000011", "0", "0", "0", "0"), "held"),
    "enter a namespace": Case(call("(308, 268)", "0", "0"), "held"),
    "mount": Case(call("(165, 40)", "b'none'", "b'/tmp'", "b'tmpfs'", "0", "0"), "held"),
    "unmount": Case(call("(166, 39)", "b'/tmp'", "2"), "held"),
    "change the root": Case(pwned_by("os.chroot('/tmp')", "import os"), "PermissionError"),
    "load a filter program": Case(call("(321, 280)", "0", "0", "0"), "held"),
    "use the ring": Case(call("(425, 425)", "8", "ctypes.create_string_buffer(120)"), "held"),
    "use kernel keys": Case(call("(250, 219)", "0", "-3", "0", "0", "0"), "held"),
    "watch performance": Case(call("(298, 241)", "0", "0", "-1", "-1", "0"), "held"),
    "handle page faults": Case(call("(323, 282)", "1"), "held"),
    "switch off randomness": Case(call("(135, 92)", "0x0040000"), "held"),
    "hide memory in a descriptor": Case(call("(319, 279)", "b'x'", "0"), "held"),
    "hide memory in a segment": Case(call("(29, 194)", "0", "1 << 30", "0o1600"), "held"),
    "open by handle": Case(call("(304, 265)", "-100", "0", "0"), "held"),
    "set the clock": Case(pwned_by("time.clock_settime(0, 0.0)", "import time"), "PermissionError"),
    "call the x32 twins": Case(call("(0x40000000 + 41, 600)", "2", "1", "0"), "held"),
    "type for the terminal": Case(
        pwned_by("fcntl.ioctl(0, 0x5412, b'x')", "import fcntl"), "PermissionError"
    ),
}
CONNECT = "s = socket.socket({family}, {kind})\ns.settimeout(1)\ns.connect({address})\nprint('PWNED')"


def connecting(family: str, kind: str, address: str) -> str:
    """Connect somewhere."""
    return "import socket\n" + CONNECT.format(family=family, kind=kind, address=address)


NETWORK = {
    "loopback": Case(
        connecting("socket.AF_INET", "socket.SOCK_STREAM", "('127.0.0.1', PORT)"), "PermissionError"
    ),
    "loopback over IPv6": Case(
        connecting("socket.AF_INET6", "socket.SOCK_STREAM", "('::1', PORT)"), "PermissionError"
    ),
    "metadata": Case(
        connecting("socket.AF_INET", "socket.SOCK_STREAM", "('169.254.169.254', 80)"), "PermissionError"
    ),
    "datagrams": Case(
        connecting("socket.AF_INET", "socket.SOCK_DGRAM", "('8.8.8.8', 53)"), "PermissionError"
    ),
    "raw packets": Case(connecting("socket.AF_PACKET", "socket.SOCK_RAW", "('eth0', 0)"), "PermissionError"),
    "netlink": Case(connecting("socket.AF_NETLINK", "socket.SOCK_RAW", "(0, 0)"), "PermissionError"),
    "the host of a virtual machine": Case(
        connecting("socket.AF_VSOCK", "socket.SOCK_STREAM", "(2, 80)"), "PermissionError"
    ),
    "an abstract socket": Case(
        connecting("socket.AF_UNIX", "socket.SOCK_STREAM", "'\\0ABSTRACT'"), "ConnectionRefused"
    ),
    "a URL": Case(
        pwned_by("urllib.request.urlopen('http://169.254.169.254/')", "import urllib.request"), "Error"
    ),
    "a name": Case(pwned_by("socket.getaddrinfo('example.com', 80)", "import socket"), "gaierror"),
    "many at once": Case(
        pwned_by("asyncio.run(asyncio.open_connection('127.0.0.1', PORT))", "import asyncio"), "Error"
    ),
}
RESOURCES = {
    "ten gigabytes": Case(pwned_by("len(bytearray(10 << 30))"), LIMIT),
    "ten gigabytes of text": Case(pwned_by("len('x' * (10 << 30))"), LIMIT),
    "ten gigabytes bit by bit": Case(
        "held = []\nwhile True: held.append('x' * 1000000 + str(len(held)))", LIMIT
    ),
    "ten gigabytes mapped": Case(pwned_by("mmap.mmap(-1, 10 << 30)", "import mmap"), "Error"),
    "an endless loop": Case("while True: pass", LIMIT),
    "an endless loop that cannot be interrupted": Case(
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass", LIMIT
    ),
    "an endless loop without alarm": Case(
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass", LIMIT
    ),
    "an endless sum in C": Case("import itertools\nsum(itertools.repeat(0))", LIMIT),
    "a flood of output": Case("while True: print('x' * 1000)", LIMIT),
    "a flood past the capture": Case(
        "import os\nfor n in range(3000): os.write(1, b'x' * 100000)\nprint('held')", "held"
    ),
    "a huge power": Case(pwned_by("len(str(10 ** 10 ** 9))"), LIMIT),
    "a huge integer as text": Case(pwned_by("str(10 ** 5000)"), "ValueError"),
    "a huge text as integer": Case(pwned_by("int('9' * 5000)"), "ValueError"),
    "a huge width": Case(pwned_by("len('%99999999999d' % 1)"), LIMIT),
    "a huge range as list": Case(pwned_by("len(list(range(10 ** 10)))"), LIMIT),
    "a regular expression that explodes": Case(
        "import re\nre.match('(a+)+$', 'a' * 60 + 'b')", LIMIT, harmless_embedded=True
    ),
    "recursion without end": Case("def f(): return f()\nf()", "RecursionError"),
    "exceptions that double": Case("def f():\n    try: f()\n    finally: f()\nf()", LIMIT),
    "brackets without end": Case("(" * 20_000, "Error"),
    "signs without end": Case("-" * 40_000 + "1", LIMIT),
    "a list in itself": Case("x = []\nx.append(x)\nx", "[[...]]", harmless_embedded=True),
    "sorting for hours": Case("sorted(range(10 ** 10), key=lambda n: -n)", LIMIT),
}
LANGUAGE = {
    "import by name": Case(pwned_by("__import__('os').listdir('/home')"), "FileNotFoundError"),
    "walk the classes": Case(
        "found = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'Popen']\n"
        "import subprocess\n[c for c in object.__subclasses__() if c.__name__ == 'Popen'][0]('/bin/ls')\n"
        "print('PWNED')",
        "Error",
    ),
    "unpack a pickle that runs something": Case(
        "import pickle\nprint('PWNED' if pickle.loads(b\"cos\\nsystem\\n(S'true'\\ntR.\") == 0 else 'held')",
        "held",
    ),
    "wide letters": Case(pwned_by("__ｉmport__('os').listdir('/home')"), "FileNotFoundError"),
    "words that turn around": Case(
        "x = '\u202e'\nopen('/etc/passwd')  # \u2066\nprint('PWNED')", "FileNotFound"
    ),
    "half a surrogate": Case("print('\\ud800', 'held')", "held", harmless_embedded=True),
    "a null in the source": Case("print('PWNED')\x00", "Error"),
    "code in an f-string": Case(pwned_by("f\"{open('/etc/passwd').read()}\""), "FileNotFoundError"),
    "evaluate": Case(pwned_by("eval(\"open('/etc/passwd').read()\")"), "FileNotFoundError"),
    "a name of its own that never ends": Case(
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E", "E"
    ),
    "a value that never shows itself": Case(
        "class V:\n    def __repr__(self):\n        while True: pass\nV()", LIMIT, harmless_embedded=True
    ),
    "leave": Case("raise SystemExit('gone')", "SystemExit"),
    "leave by function": Case("import sys\nsys.exit(1)", "SystemExit"),
    "interrupt": Case("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "forge an answer that is too long": Case(
        "import os\nfor n in range(3, 30):\n    try: os.write(n, b'\\xff' * 100)\n    except OSError: pass",
        FAILED,
    ),
    "forge an answer with a page for a picture": Case(
        "import json, os\nanswer = dict(value='1', output='', error=None, truncated=False, limit=None, "
        "pictures=['PGh0bWw+'])\nbody = json.dumps(answer, separators=(',', ':')).encode()\n"
        "frame = len(body).to_bytes(4, 'big') + body\n"
        "for n in range(3, 30):\n    try: os.write(n, frame)\n    except OSError: pass",
        "1",
    ),
    "close every descriptor": Case("import os\nos.closerange(3, 250)\nprint('held')", FAILED),
}
CASES = {**FILES, **SECRETS, **PROCESSES, **KERNEL, **NETWORK, **RESOURCES, **LANGUAGE}
