"""Documents in the organisers' XML files: every one checked, every defect with its line.

XML can name files and addresses to be fetched, and entities that multiply when they are expanded;
both need a document type declaration, which is refused, so neither can do harm.
"""

import io
from pathlib import Path
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import InputSource

from stages.common.files import Defects, read_text
from stages.toolkit.limits import CELL
from stages.toolkit.tables import identifier


def read_documents(path: Path) -> dict[str, str]:
    """Reads a file of the form ``<dataset><doc id="0530">text</doc> …</dataset>``.

    Returns:
        The documents' texts by identifier, in the order of the file.

    Raises:
        InputError: with file and line of every defect, up to the first that is not XML.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.sax import make_parser

    defects = Defects(path)
    source = InputSource()
    source.setCharacterStream(io.StringIO(read_text(path), newline=""))
    handler = _Documents(defects)
    parser = make_parser()
    parser.forbid_dtd = True
    parser.setContentHandler(handler)
    try:
        parser.parse(source)
    except SAXParseException as error:
        defects.add(error.getLineNumber() or 1, f"not XML: {error.getMessage()}")
    except DefusedXmlException:
        defects.add(parser.getLineNumber(), "expected no document type declaration or entities")
    if not handler.texts:
        defects.add(1, "the file has no documents")
    defects.check()
    return handler.texts


class _Documents(ContentHandler):
    """Collects the documents while a parser reads them."""

    def __init__(self, defects: Defects) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self._defects = defects
        self._lines: dict[str, int] = {}  # on which line each document begins
        self._open: list[str] = []  # the elements around the place that is being read
        self._pieces: list[str] = []  # of the text of the current document
        self._start = 1  # the line of its start tag
        self._name: str | None = None  # its identifier, if it has one

    def _line(self) -> int:
        return int(self._locator.getLineNumber())  # type: ignore[attr-defined]

    def startElement(self, name: str, attrs: Any) -> None:
        expected = ("dataset", "doc")[len(self._open) : len(self._open) + 1]
        if (name,) != expected:
            element = f"<{expected[0]}>" if expected else "text"
            self._defects.add(self._line(), f"expected {element}, found <{name}>")
        elif name == "doc":
            self._begin(dict(attrs.items()))
        elif attrs.getLength():
            self._defects.add(self._line(), "expected <dataset> without attributes")
        self._open.append(name)

    def _begin(self, attributes: dict[str, str]) -> None:
        self._pieces, self._start, self._name = [], self._line(), None
        if list(attributes) != ["id"]:
            found = " ".join(["<doc", *attributes])
            self._defects.add(self._start, f'expected <doc id="…">, found {found}>')
            return
        try:
            self._name = identifier(attributes["id"])
        except ValueError as error:
            self._defects.add(self._start, f"id {attributes['id'][:60]!r}: {error}")
            return
        first = self._lines.setdefault(self._name, self._start)
        if first != self._start or self._name in self.texts:
            self._defects.add(self._start, f"id {self._name} stands on line {first} too")

    def characters(self, content: str) -> None:
        if len(self._open) > 1:
            self._pieces.append(content)
        elif content.strip():
            self._defects.add(self._line(), f"expected <doc>, found the text {content[:60]!r}")

    def endElement(self, name: str) -> None:
        self._open.pop()
        if len(self._open) != 1 or name != "doc":
            return
        text = "".join(self._pieces)
        if len(text) > CELL:
            problem = f"doc {self._name}: {len(text)} characters, expected at most {CELL}"
            self._defects.add(self._start, problem)
        if not text.strip():
            self._defects.add(self._start, f"doc {self._name}: expected a text, found none")
        if self._name is not None:
            self.texts[self._name] = text
