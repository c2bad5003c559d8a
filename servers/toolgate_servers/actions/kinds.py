"""What the tools of a family do to the world, here or on the service that they talk to."""

from dataclasses import dataclass

from mcp_types import ToolAnnotations

from toolgate_servers.strict import hints


@dataclass(frozen=True, slots=True)
class Kinds:
    """The annotations of one family; `remote` when its tools talk to a service.

    MCP 2025-11-25 schema, ToolAnnotations: only what adds is not destructive; a tool is idempotent when
    another call with the same arguments, here without a key, has no further effect.
    """

    remote: bool

    @property
    def reads(self) -> ToolAnnotations:
        """Looks only."""
        return hints(read_only=True, destructive=False, idempotent=True, open_world=self.remote)

    @property
    def adds(self) -> ToolAnnotations:
        """Adds something beside what is there, once more with each call."""
        return hints(read_only=False, destructive=False, idempotent=False, open_world=self.remote)

    @property
    def changes(self) -> ToolAnnotations:
        """Changes or removes what is there; the same call again changes nothing more."""
        return hints(read_only=False, destructive=True, idempotent=True, open_world=self.remote)

    @property
    def sends(self) -> ToolAnnotations:
        """Does what cannot be taken back, once more with each call."""
        return hints(read_only=False, destructive=True, idempotent=False, open_world=self.remote)
