"""What a server says when it will not do what was asked."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a call was refused; stable words that programs may match."""

    ARGUMENT_NOT_VALID = "argument-not-valid"
    BAD_SYNTAX = "bad-syntax"
    NOT_ARITHMETIC = "not-arithmetic"
    UNKNOWN_NAME = "unknown-name"
    WRONG_ARGUMENT_COUNT = "wrong-argument-count"
    UNDEFINED = "undefined"
    TOO_LARGE = "too-large"
    TOO_COMPLEX = "too-complex"
    NO_WORDS = "no-words"
    OUTSIDE_FOLDER = "outside-folder"
    NO_SUCH_DOCUMENT = "no-such-document"
    OFFSET_BEYOND_END = "offset-beyond-end"
    BAD_ADDRESS = "bad-address"
    CONTROL_CHARACTER = "control-character"
    TOO_MANY_RECIPIENTS = "too-many-recipients"
    NO_SUCH_MAIL = "no-such-mail"
    DRAFT_DIFFERS = "draft-differs"
    STORE_FULL = "store-full"
    STORE_FAILED = "store-failed"
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"
    BUSY = "busy"
    KEY_REUSED = "key-reused"
    IN_PROGRESS = "in-progress"
    OUTCOME_UNKNOWN = "outcome-unknown"
    URL_NOT_VALID = "url-not-valid"
    HOST_NOT_ALLOWED = "host-not-allowed"
    ADDRESS_FORBIDDEN = "address-forbidden"
    TOO_MANY_REDIRECTS = "too-many-redirects"
    UNREACHABLE = "unreachable"
    BAD_ANSWER = "bad-answer"
    UNREADABLE = "unreadable"
    ENCRYPTED = "encrypted"
    NO_SUCH_PAGE = "no-such-page"
    NOT_A_QUERY = "not-a-query"
    QUERY_FAILED = "query-failed"
    NO_SUCH_PLACE = "no-such-place"
    ACCESS_DENIED = "access-denied"
    RATE_LIMITED = "rate-limited"
    REJECTED = "rejected"
    NOT_FOUND = "not-found"
    CHANGED_MEANWHILE = "changed-meanwhile"
    BAD_TIME = "bad-time"
    NO_SUCH_EVENT = "no-such-event"
    NOT_INVITED = "not-invited"
    NO_SUCH_TICKET = "no-such-ticket"
    SANDBOX_FAILED = "sandbox-failed"
    LIMIT_REACHED = "limit-reached"
    NOT_AVAILABLE = "not-available"
    COMMAND_NOT_ALLOWED = "command-not-allowed"
    NO_SUCH_SESSION = "no-such-session"
    TOO_MANY_SESSIONS = "too-many-sessions"
    BAD_DATA = "bad-data"
    NO_SUCH_COLUMN = "no-such-column"
    NO_SUCH_TABLE = "no-such-table"


class ServerError(Exception):
    """Everything the servers raise on purpose.

    ServerError
    |-- Refused      one call cannot be done; the caller can read why
    `-- CannotStart  the server's own settings or files do not work
    """


class Refused(ServerError):
    """One call cannot be done: where, what was found and what was expected, without quoting values."""

    def __init__(self, reason: Reason, where: str, *, found: str, expected: str) -> None:
        super().__init__(f"{where}: found {found}, expected {expected} [{reason}]")
        self.reason = reason
        self.where = where
        self.found = found
        self.expected = expected

    def parts(self) -> tuple[str, str, str, str]:
        """Reason, where, found and expected, to make the same refusal in another process."""
        return self.reason, self.where, self.found, self.expected


class CannotStart(ServerError):
    """The server cannot start with these settings; the text says which and why."""
