"""The family of tools for documents: search, read, list."""

from dataclasses import asdict

from mcp.server.mcpserver.tools import Tool

from toolgate_servers.retrieval.library import Library
from toolgate_servers.retrieval.parts import excerpts, is_on, numbers, page_range, part_of
from toolgate_servers.retrieval.shapes import (
    Citation,
    Citations,
    Document,
    DocumentPart,
    Documents,
    Heading,
    ListDocuments,
    ReadDocument,
    SearchKnowledge,
    TableRows,
)
from toolgate_servers.retrieval.text import Text
from toolgate_servers.server import Family
from toolgate_servers.strict import READS, Run, described, strict_tool

MAX_HEADINGS = 500
MAX_PAGES = 99_999
# The first call after a start reads the whole folder.
SECONDS = 120


def family(library: Library, about: str) -> Family:
    """Make the three tools over a library."""
    return Family("documents", about, [_search(library), _read(library), _list(library)])


def _search(library: Library) -> Tool:
    def search_knowledge(arguments: SearchKnowledge, run: Run) -> Citations:
        found = library.search(arguments.query, arguments.limit, run)
        return Citations(
            results=[Citation(**asdict(hit)) for hit in found.hits],
            matched=found.matched,
            ranking=found.ranking,
        )

    return strict_tool(
        search_knowledge,
        name="search_knowledge",
        takes=SearchKnowledge,
        gives=Citations,
        title="Search documents",
        description=described(
            "Find passages in the documents of the folder, each with path, heading, page and offsets to "
            "cite it by.",
            use="you look for what the documents say about something",
            not_for="reading on in a document: read_document does that, with the start of a result as offset",
            example={"query": "refund policy", "limit": 5},
        ),
        annotations=READS,
        timeout=SECONDS,
    )


def _read(library: Library) -> Tool:
    def read_document(arguments: ReadDocument, run: Run) -> DocumentPart:
        pages = numbers(arguments.pages) if arguments.pages is not None else (1, MAX_PAGES)
        text = library.read(arguments.path, run, tables=pages if arguments.view == "tables" else None)
        if arguments.view == "text":
            return _part(arguments, text)
        return _structure(arguments, text)

    return strict_tool(
        read_document,
        name="read_document",
        takes=ReadDocument,
        gives=DocumentPart,
        title="Read a document",
        description=described(
            "Give a part of one document as it is now (PDF, DOCX, HTML, Markdown, CSV, JSON, text "
            "and more), or its outline, or its tables.",
            use="you know its path; long documents come in parts, by offset or by pages",
            not_for="finding documents: search_knowledge does that; counting the rows of a CSV file: "
            "query_sql does",
            example={"path": "welcome.md", "limit": 2000},
        ),
        annotations=READS,
        timeout=60,
    )


def _part(arguments: ReadDocument, text: Text) -> DocumentPart:
    part = part_of(text, arguments.offset, arguments.limit, arguments.pages)
    return DocumentPart(
        path=arguments.path,
        title=text.title,
        text=part.text,
        offset=part.offset,
        total=len(text.body),
        next_offset=part.next_offset,
        page=text.page_at(part.offset),
        pages=len(text.pages) or None,
        outline=[],
        tables=[],
    )


def _structure(arguments: ReadDocument, text: Text) -> DocumentPart:
    pages = page_range(text, arguments.pages) if arguments.pages is not None else None
    marks = [mark for mark in text.marks if is_on(text, mark.offset, pages)]
    outline = marks[:MAX_HEADINGS] if arguments.view == "outline" else []
    tables = excerpts(text, arguments.table, arguments.limit, pages) if arguments.view == "tables" else []
    return DocumentPart(
        path=arguments.path,
        title=text.title,
        text="",
        offset=0,
        total=len(text.body),
        next_offset=None,
        page=None,
        pages=len(text.pages) or None,
        outline=[
            Heading(title=mark.title, level=mark.level, offset=mark.offset, page=text.page_at(mark.offset))
            for mark in outline
        ],
        tables=[
            TableRows(
                number=one.number,
                offset=one.table.offset,
                page=text.page_at(one.table.offset),
                rows=[list(row) for row in one.rows],
                total_rows=one.table.total_rows,
            )
            for one in tables
        ],
    )


def _list(library: Library) -> Tool:
    def list_documents(arguments: ListDocuments, run: Run) -> Documents:
        page = library.page(arguments.cursor, arguments.limit, run)
        listed = [
            Document(path=document.path, title=document.title, size=document.size)
            for document in page.documents
        ]
        return Documents(
            documents=listed, next_cursor=page.next_cursor, total=page.total, skipped=page.skipped
        )

    return strict_tool(
        list_documents,
        name="list_documents",
        takes=ListDocuments,
        gives=Documents,
        title="List documents",
        description=described(
            "List the documents of the folder, a page at a time.",
            use="you want to know what there is",
            not_for="finding something particular: search_knowledge does that",
            example={"limit": 20},
        ),
        annotations=READS,
        timeout=SECONDS,
    )
