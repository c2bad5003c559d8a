"""What branches, revisions and paths may be called: nothing that git could read as an option or a command."""

import re

from toolgate_servers.errors import Reason, Refused

BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}")
REVISION = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199})(?P<back>(?:~[0-9]{1,4}|\^)?)")
COMMIT = re.compile(r"[0-9a-f]{40}")
MAX_PATH = 500
# How HFS+ and NTFS may spell .git: CVE-2014-9390. Ignored code points of HFS+, and the short name
# and the streams of NTFS.
IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
GIT_FOLDER = re.compile(r"(?:\.git|git~[0-9]+)[. ]*(?::.*)?", re.IGNORECASE)


def check_branch(where: str, name: str) -> None:
    """Refuse what is not the plain name of a branch: git-check-ref-format(1), and stricter.

    Raises:
        Refused: ARGUMENT_NOT_VALID.
    """
    parts = name.split("/")
    if (
        BRANCH.fullmatch(name) is None
        or ".." in name
        or name.upper() in ("HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD")
        or any(not part or part[0] in ".-" or part.endswith((".", ".lock")) for part in parts)
        or parts[0] == "refs"
    ):
        raise Refused(
            Reason.ARGUMENT_NOT_VALID,
            where,
            found="something that is not the plain name of a branch",
            expected="one such as fix/typo",
        )


def check_revision(where: str, revision: str) -> None:
    """Refuse what is not a branch, a tag, HEAD or a commit, with ~N or ^ behind it.

    Raises:
        Refused: ARGUMENT_NOT_VALID.
    """
    match = REVISION.fullmatch(revision)
    parts = match["name"].split("/") if match else [""]
    if match is None or ".." in revision or any(not part or part[0] in ".-" for part in parts):
        raise Refused(
            Reason.ARGUMENT_NOT_VALID,
            where,
            found="something that is not one revision",
            expected="a branch, a tag, HEAD or a commit, such as main~2",
        )


def check_path(where: str, path: str) -> None:
    """Refuse a path that leaves the repository or leads into its .git.

    Raises:
        Refused: OUTSIDE_FOLDER.
    """
    parts = path.split("/")
    if (
        len(path) > MAX_PATH
        or re.search(r"[\x00-\x1f\x7f\\]", path)
        or any(part in ("", ".", "..") for part in parts)
        or any(GIT_FOLDER.fullmatch(IGNORED.sub("", part)) for part in parts)
        or re.match(r"[A-Za-z]:", path)
    ):
        raise Refused(
            Reason.OUTSIDE_FOLDER,
            where,
            found="a path that is not inside the repository",
            expected="a path such as docs/index.md, relative to the repository and outside .git",
        )
