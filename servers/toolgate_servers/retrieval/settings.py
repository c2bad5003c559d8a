"""The settings of the retrieval server."""

from typing import Annotated

from pydantic import Field, model_validator

from toolgate_servers.config import Place, Secret, Settings

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s@]+$", max_length=2000)]


class Families(Settings):
    """Which tools are on."""

    documents: bool = True
    web: bool = True
    sql: bool = True
    fetch: bool = True


class Embeddings(Settings):
    """An OpenAI-compatible endpoint, url up to and including /v1."""

    url: Url
    model: str
    key: Secret | None = None


class Brave(Settings):
    """The Brave Search API."""

    key: Secret
    url: Url = "https://api.search.brave.com"


class Web(Settings):
    """Where web_search asks: a SearXNG instance or the Brave API; without either, the documents."""

    searxng: Url | None = None
    brave: Brave | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Web":
        if self.searxng is not None and self.brave is not None:
            raise ValueError("one of searxng and brave")
        return self


class DatabaseSource(Settings):
    """One database: a SQLite file, a folder of CSV, Parquet and JSON, or a PostgreSQL URL (a secret)."""

    sqlite: Place | None = None
    files: Place | None = None
    postgresql: Secret | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "DatabaseSource":
        if sum(source is not None for source in (self.sqlite, self.files, self.postgresql)) != 1:
            raise ValueError("exactly one of sqlite, files and postgresql")
        return self


class SqlLimits(Settings):
    """How much a query may take and give."""

    rows: Annotated[int, Field(ge=1, le=1000)] = 1000
    bytes: Annotated[int, Field(ge=1000, le=5_000_000)] = 200_000
    seconds: Annotated[float, Field(gt=0, le=300)] = 10.0


class Credential(Settings):
    """A header that goes to one host."""

    host: str
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "Authorization"
    value: Secret


class Fetch(Settings):
    """What fetch_api may reach: hosts (none named: every public one), private networks, and ports."""

    hosts: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    ports: tuple[int, ...] = (443, 80)
    credentials: tuple[Credential, ...] = ()


class RetrievalSettings(Settings):
    """The settings file of the retrieval server; without an index file, the index is in memory."""

    families: Families = Families()
    folder: Place | None = None
    index: Place | None = None
    embeddings: Embeddings | None = None
    web: Web = Web()
    databases: dict[Name, DatabaseSource] = Field(default_factory=dict)
    sql: SqlLimits = SqlLimits()
    fetch: Fetch = Fetch()
