"""What the tools for documents take and give, as their schemas."""

from typing import Annotated, Literal

from pydantic import Field

from toolgate_servers.retrieval.library import Matched, Ranking
from toolgate_servers.retrieval.query import MAX_QUERY, MAX_WORDS
from toolgate_servers.strict import Arguments, Outcome

MAX_PATH = 1024

DocumentPath = Annotated[
    str, Field(description="The document's path inside the folder, with / between its parts.")
]
Title = Annotated[str, Field(description="The document's heading, or its file name without the ending.")]
PageNumber = Annotated[int | None, Field(description="The page, from 1; null for formats without pages.")]


class SearchKnowledge(Arguments):
    """What `search_knowledge` takes."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_QUERY,
            description=f"Plain words, at most {MAX_WORDS}; there are no operators. Finds passages with "
            "every word or, if there are none, those with any.",
        ),
    ]
    limit: Annotated[int, Field(ge=1, le=50, description="How many passages to give at most.")] = 10


class Citation(Outcome):
    """One passage that a search found."""

    path: DocumentPath
    title: Title
    heading: Annotated[str, Field(description="The heading above the passage; empty if there is none.")]
    page: PageNumber
    start: Annotated[
        int, Field(description="Where the passage begins, in characters: the offset for read_document.")
    ]
    end: Annotated[int, Field(description="Where the passage ends.")]
    snippet: Annotated[str, Field(description="The part of the passage that matches best.")]
    score: Annotated[
        float, Field(description="How well it matches; higher is better, only within this search.")
    ]


class Citations(Outcome):
    """What `search_knowledge` gives."""

    results: Annotated[list[Citation], Field(description="The best match first, at most 3 of one document.")]
    matched: Annotated[Matched, Field(description="Which words of the query the results contain.")]
    ranking: Annotated[
        Ranking,
        Field(description="What the order comes from; words alone also when vectors are not at hand."),
    ]


class ReadDocument(Arguments):
    """What `read_document` takes."""

    path: Annotated[
        str,
        Field(
            min_length=1, max_length=MAX_PATH, description="A path from search_knowledge or list_documents."
        ),
    ]
    offset: Annotated[int, Field(ge=0, le=2**31, description="The first character to give.")] = 0
    limit: Annotated[int, Field(ge=1, le=50_000, description="How many characters to give at most.")] = 10_000
    pages: Annotated[
        str | None,
        Field(
            max_length=11,
            pattern=r"^[0-9]{1,5}(-[0-9]{1,5})?$",
            description="A page or a range such as 3-5, from 1, in place of offset; for PDF, in every view.",
        ),
    ] = None
    view: Annotated[
        Literal["text", "outline", "tables"],
        Field(
            description="text: what it says. outline: its headings. tables: its tables as rows of cells, "
            "in a PDF what stands in columns."
        ),
    ] = "text"
    table: Annotated[
        int | None, Field(ge=1, le=1000, description="With view tables: only the table of this number.")
    ] = None


class Heading(Outcome):
    """One heading of a document."""

    title: str
    level: Annotated[int, Field(description="1 is the highest.")]
    offset: Annotated[int, Field(description="Where it stands: the offset for read_document.")]
    page: PageNumber


class TableRows(Outcome):
    """One table of a document."""

    number: Annotated[int, Field(description="From 1; in a PDF among the tables of the pages asked for.")]
    offset: Annotated[int, Field(description="Where it stands, in characters; 0 in HTML.")]
    page: PageNumber
    rows: Annotated[list[list[str]], Field(description="Row by row; the first is the head.")]
    total_rows: Annotated[int, Field(description="How many rows there are; more than given when it is long.")]


class DocumentPart(Outcome):
    """What `read_document` gives."""

    path: DocumentPath
    title: Title
    text: Annotated[str, Field(description="The text; of HTML, only what is readable. Empty in other views.")]
    offset: Annotated[int, Field(description="Where this part begins, in characters.")]
    total: Annotated[int, Field(description="How many characters the document has.")]
    next_offset: Annotated[
        int | None, Field(description="Where the next part begins; null at the end of what was asked for.")
    ]
    page: PageNumber
    pages: Annotated[int | None, Field(description="How many pages it has; null for formats without pages.")]
    outline: Annotated[list[Heading], Field(description="Its headings, in the view outline.")]
    tables: Annotated[list[TableRows], Field(description="Its tables, in the view tables.")]


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
