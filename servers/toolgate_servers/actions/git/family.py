"""The git tools over what the settings name."""

import atexit
import shutil
import tempfile
from pathlib import Path

from toolgate_servers.actions.git.command import make_workspace, place_of
from toolgate_servers.actions.git.pushing import Remote
from toolgate_servers.actions.git.repository import Repository
from toolgate_servers.actions.git.request_tools import request_tools
from toolgate_servers.actions.git.requests import LocalRequests, PullRequests, open_requests
from toolgate_servers.actions.git.settings import RepositorySettings
from toolgate_servers.actions.git.tools import WORKSPACE, Repositories, repository_tools
from toolgate_servers.actions.github import GithubApi
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.actions.stores import Stores
from toolgate_servers.config import resolve_secret
from toolgate_servers.database import Database
from toolgate_servers.errors import CannotStart
from toolgate_servers.idempotency import Once
from toolgate_servers.server import Family

ADVICE = "Work on a branch of your own: git_branch, git_commit, git_push, and then a pull request."


def family(settings: ActionsSettings, stores: Stores, once: Once) -> Family:
    """Make the git tools.

    Raises:
        CannotStart: git, a repository, a file or a secret is not there, or is something else.
    """
    if shutil.which("git") is None:
        raise CannotStart("git: found no program git, expected it on the PATH; or switch git off")
    named = settings.git.repositories or {WORKSPACE: RepositorySettings(path=_workspace(stores))}
    repositories = {name: Repository(place_of(name, one.path)) for name, one in named.items()}
    remotes = {name: _remote(one) for name, one in named.items() if one.remote is not None}
    kept = open_requests(stores.place("pull_requests.db"))
    pulls = {name: _pulls(kept, name, one, repositories[name]) for name, one in named.items()}
    about = ", ".join(f"{name} {one.path}" for name, one in named.items())
    offered = Repositories(repositories, remotes, (settings.git.author, settings.git.email))
    tools = [*repository_tools(offered, once), *request_tools(offered, pulls, once)]
    return Family("git", about, tools)


def _workspace(stores: Stores) -> Path:
    folder = stores.place("workspace.git")
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="toolgate-workspace-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        make_workspace(folder)
    except OSError as problem:
        raise CannotStart(
            f"git {folder}: found {type(problem).__name__}, expected a folder that can be made"
        ) from problem
    return folder


def _remote(settings: RepositorySettings) -> Remote:
    assert settings.remote is not None
    password = settings.remote.password
    return Remote(settings.remote, None if password is None else resolve_secret(password))


def _pulls(kept: Database, name: str, settings: RepositorySettings, repository: Repository) -> PullRequests:
    if settings.github is None:
        return LocalRequests(kept, name, repository)
    from toolgate_servers.actions.git.github_requests import GithubRequests  # late: only GitHub needs it

    return GithubRequests(GithubApi(settings.github, resolve_secret(settings.github.token)))
