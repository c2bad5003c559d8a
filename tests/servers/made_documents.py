"""Documents made on the spot: PDF by hand, DOCX by python-docx, and the hostile kinds of both."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

import docx
from pypdf import PdfReader, PdfWriter


def pdf(
    *pages: str, title: str = "", outline: bool = False, password: str | None = None, owner: str = ""
) -> bytes:
    """A PDF with one line of text on each page; a password to open it, or only one to change it."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(raw_pdf([_stream(text) for text in pages]))))
    if title:
        writer.add_metadata({"/Title": title})
    if outline:
        for number, text in enumerate(pages):
            writer.add_outline_item(title=text, page_number=number)
    if password is not None:
        writer.encrypt(password, owner or None, algorithm="AES-256")
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def _stream(text: str) -> bytes:
    spelled = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 24 Tf 72 700 Td ({spelled}) Tj ET".encode("latin-1")


def raw_pdf(streams: list[bytes], *, flate: bool = False, pages: str | None = None) -> bytes:
    """A PDF from the content of its pages, byte by byte; `pages` replaces the page tree's own object."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        (pages or f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>").encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, stream in enumerate(streams):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        body = zlib.compress(stream, 9) if flate else stream
        kind = " /Filter /FlateDecode" if flate else ""
        objects.append(f"<< /Length {len(body)}{kind} >>\nstream\n".encode() + body + b"\nendstream")
    made = bytearray(b"%PDF-1.7\n")
    places: list[int] = []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = len(made)
    made += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    made += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    made += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(made)


def docx_file(title: str = "") -> bytes:
    """A DOCX file with headings, paragraphs and a table."""
    document: Any = docx.Document()
    document.core_properties.title = title
    document.add_heading("Leave", 1)
    document.add_paragraph("Everybody has thirty days.")
    document.add_heading("Sick leave", 2)
    document.add_paragraph("Tell your lead.")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("Year", "Days"), ("2026", "30")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    return saved(document)


def saved(document: Any) -> bytes:
    """The bytes of a document of python-docx."""
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


def with_part(package: bytes, name: str, content: bytes) -> bytes:
    """A DOCX file with one part replaced or added."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)
    return made.getvalue()
