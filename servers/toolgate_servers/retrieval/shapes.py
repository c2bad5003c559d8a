"""What the retrieval tools take and give, as their schemas."""

from typing import Annotated

from pydantic import Field

from toolgate_servers.retrieval.library import Matched
from toolgate_servers.retrieval.query import MAX_QUERY, MAX_WORDS
from toolgate_servers.strict import Arguments, Outcome

MAX_PATH = 1024

DocumentPath = Annotated[
    str, Field(description="The document's path inside the folder, with / between its parts.")
]
Title = Annotated[str, Field(description="The document's heading, or its file name without the ending.")]


class Search(Arguments):
    """What `search` takes."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_QUERY,
            description=f"Plain words, at most {MAX_WORDS}; there are no operators. Finds documents with "
            "every word or, if there are none, those with any.",
        ),
    ]
    limit: Annotated[int, Field(ge=1, le=50, description="How many results to give at most.")] = 10


class Result(Outcome):
    """One document that a search found."""

    path: DocumentPath
    title: Title
    snippet: Annotated[str, Field(description="The part of the text that matches best.")]
    score: Annotated[
        float, Field(description="How well it matches; higher is better, only within this search.")
    ]


class Results(Outcome):
    """What `search` gives."""

    results: Annotated[list[Result], Field(description="The best match first.")]
    matched: Annotated[Matched, Field(description="Which words of the query the results contain.")]


class ReadDocument(Arguments):
    """What `read_document` takes."""

    path: Annotated[
        str,
        Field(min_length=1, max_length=MAX_PATH, description="A path from search or list_documents."),
    ]
    offset: Annotated[int, Field(ge=0, le=2**31, description="The first character to give.")] = 0
    limit: Annotated[int, Field(ge=1, le=50_000, description="How many characters to give at most.")] = 10_000


class DocumentPart(Outcome):
    """What `read_document` gives."""

    path: DocumentPath
    title: Title
    text: Annotated[str, Field(description="The text; of HTML, only what is readable.")]
    offset: Annotated[int, Field(description="Where this part begins, in characters.")]
    total: Annotated[int, Field(description="How many characters the document has.")]
    next_offset: Annotated[int | None, Field(description="Where the next part begins; null at the end.")]


class ListDocuments(Arguments):
    """What `list_documents` takes."""

    cursor: Annotated[
        str, Field(max_length=MAX_PATH, description="next_cursor of the page before; empty for the first.")
    ] = ""
    limit: Annotated[int, Field(ge=1, le=500, description="How many documents to give at most.")] = 100


class Document(Outcome):
    """One document of the folder."""

    path: DocumentPath
    title: Title
    size: Annotated[int, Field(description="The file's size in bytes.")]


class Documents(Outcome):
    """What `list_documents` gives."""

    documents: Annotated[list[Document], Field(description="In the order of their paths.")]
    next_cursor: Annotated[str | None, Field(description="The cursor of the next page; null at the end.")]
    total: Annotated[int, Field(description="How many documents there are.")]
    skipped: Annotated[int, Field(description="How many files were too large, too many or not readable.")]
