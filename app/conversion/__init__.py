"""Documents as files: Markdown, HTML, Word, OpenDocument and PDF, by pandoc and typst.

    converter.py    what the server calls: starts a child process for each conversion, and ends it in time
    child.py        that process: the only place where foreign files are opened
    formats.py      the kinds of files
    reading.py      a file → the editor's JSON;  writing.py: the editor's JSON → a file
    pandoc.py, typst.py            the two programs
    from_pandoc.py, to_pandoc.py   pandoc's document tree ↔ the editor's JSON (ProseMirror)
    importing.py    the content of a file → an edit of a live document

What a round trip keeps, and what it normalises, stands in docs/conversion.md.
"""
