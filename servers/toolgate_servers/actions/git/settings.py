"""The settings of git."""

from typing import Annotated

from pydantic import Field

from toolgate_servers.actions.github import GithubSettings
from toolgate_servers.config import Place, Secret, Settings

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class RemoteSettings(Settings):
    """Where a repository is pushed to, over HTTP; branches that match `protected` are not."""

    url: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9][!-~]*$")]
    username: Annotated[str, Field(pattern=r"^[^:\x00-\x1f\x7f]{1,200}$")] = "x-access-token"
    password: Secret | None = None
    protected: tuple[str, ...] = ("main", "master", "release/*")


class RepositorySettings(Settings):
    """One local repository, bare or with a working tree; without github, pull requests are kept here."""

    path: Place
    remote: RemoteSettings | None = None
    github: GithubSettings | None = None


class GitSettings(Settings):
    """The repositories by name; without any, one of our own called workspace."""

    repositories: dict[Name, RepositorySettings] = Field(default_factory=dict[str, RepositorySettings])
    author: Annotated[str, Field(pattern=r"^[^<>\x00-\x1f\x7f]{1,100}$")] = "toolgate"
    email: Annotated[str, Field(pattern=r"^[^<>\s\x00-\x1f\x7f]{1,200}$")] = "toolgate@localhost"
