"""Pushing a branch to the remote of the settings, and never over what others have pushed."""

import base64
from dataclasses import dataclass
from fnmatch import fnmatchcase

from toolgate_servers.actions.git.command import Setting, git, isolated
from toolgate_servers.actions.git.naming import COMMIT
from toolgate_servers.actions.git.repository import Repository
from toolgate_servers.actions.git.settings import RemoteSettings
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run


@dataclass(frozen=True, slots=True)
class Pushed:
    """A branch on the remote: its commit now and before, None where there was none."""

    commit: str
    former: str | None


class Remote:
    """One remote."""

    def __init__(self, settings: RemoteSettings, password: str | None) -> None:
        self._settings = settings
        self._overrides = {"http.proxy": "", "http.maxRequests": "2"}
        if password is not None:
            token = base64.b64encode(f"{settings.username}:{password}".encode()).decode()
            # In the environment of the one process, and in no file and no argument.
            self._overrides["http.extraHeader"] = f"Authorization: Basic {token}"

    def push(self, repository: Repository, branch: str, run: Run) -> Pushed:
        """Push a branch as it is; the remote's branch must be an ancestor of it.

        Raises:
            Refused: ACCESS_DENIED, NOT_FOUND, UNREACHABLE, CHANGED_MEANWHILE or REJECTED.
        """
        if any(fnmatchcase(branch, pattern) for pattern in self._settings.protected):
            raise Refused(
                Reason.ACCESS_DENIED,
                "branch",
                found="a protected branch",
                expected="a branch of your own, and a pull request",
            )
        commit = repository.tip(branch, run)
        if commit is None:
            raise Refused(
                Reason.NOT_FOUND, "branch", found="no such branch", expected="one that git_status gives"
            )
        target = f"refs/heads/{branch}"
        with isolated(repository.place) as bare:
            inside = self._reaching(bare)
            former = self._former(inside, target, run)
            if former != commit:
                self._push(inside, f"{commit}:{target}", run)
        return Pushed(commit, former)

    def _reaching(self, setting: Setting) -> Setting:
        scheme = self._settings.url.partition(":")[0]
        allowed = {"GIT_ALLOW_PROTOCOL": scheme}
        return Setting(
            setting.folder, {**setting.environment, **allowed}, {**setting.overrides, **self._overrides}
        )

    def _former(self, inside: Setting, target: str, run: Run) -> str | None:
        said = git(inside, ["ls-remote", "--", self._settings.url, target], run)
        if said.status:
            raise Refused(
                Reason.UNREACHABLE,
                "the remote",
                found="no repository that lets this account in",
                expected="one; the operator can look at the settings",
            )
        found = {
            name: commit for commit, _, name in (line.partition("\t") for line in said.text.splitlines())
        }
        former = found.get(target)
        return former if former is not None and COMMIT.fullmatch(former) else None

    def _push(self, inside: Setting, what: str, run: Run) -> None:
        """git-push(1), --porcelain: a line for the ref that begins with what became of it."""
        arguments = ["push", "--porcelain", "--no-verify", "--no-signed", "--no-recurse-submodules"]
        said = git(inside, [*arguments, "--", self._settings.url, what], run)
        lines = [line for line in said.text.splitlines() if "\t" in line]
        flag = lines[0][:1] if lines else ""
        if said.status == 0 and flag in (" ", "*", "="):
            return
        if flag == "!" and "[rejected]" in lines[0]:
            raise Refused(
                Reason.CHANGED_MEANWHILE,
                "branch",
                found="commits on the remote that the branch does not have",
                expected="another branch; a person can bring the two together",
            )
        if flag == "!":
            raise Refused(
                Reason.REJECTED,
                "the remote",
                found="a branch that it does not take",
                expected="another branch, or a person to look",
            )
        raise Refused(
            Reason.UNREACHABLE,
            "the remote",
            found="no word of what became of the push",
            expected="you to repeat it, with the same key: pushing twice does no harm",
        )
