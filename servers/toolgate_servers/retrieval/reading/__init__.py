"""From the bytes of a document to its text, headings, pages and tables."""
