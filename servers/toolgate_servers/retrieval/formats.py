"""Which files are documents, by the ending of their names, and how much of each is taken."""

from pathlib import PurePosixPath

MEBIBYTE = 1024 * 1024

MIME_TYPES: dict[str, str] = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".rst": "text/x-rst",
    ".html": "text/html",
    ".htm": "text/html",
    ".json": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
# Read in a process of its own: their readers are large, and so is what a small file can make them do.
ISOLATED = frozenset({".pdf", ".docx"})
MAX_BYTES = 4 * MEBIBYTE
MAX_BYTES_ISOLATED = 32 * MEBIBYTE


def ending(path: str) -> str:
    """Give the ending of a name in lower case."""
    return PurePosixPath(path).suffix.lower()


def is_isolated(path: str) -> bool:
    """Whether a document is read in a process of its own."""
    return ending(path) in ISOLATED


def max_bytes(path: str) -> int:
    """How large a document may be."""
    return MAX_BYTES_ISOLATED if is_isolated(path) else MAX_BYTES
