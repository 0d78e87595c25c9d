"""The CRDT engine, pycrdt (yrs), behind the few functions that the rest needs. The only file that imports it.

Every failure of the engine, a panic of its native code included, becomes EngineError; after one,
a replica must be dropped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pycrdt

from domain.errors import Conflict
from realtime.update import EMPTY
from realtime.wire import Range, read_delete_set, read_state_vector

CONTENT = "content"  # the shared type that holds a document's text
MAX_DEPTH = 200  # of elements in rich text, when it is read as JSON
# Merging costs more than linearly in the number of updates. And the engine sorts them by an order that is no
# total one: from 21 on its sort may notice, and panic.
_MERGE_AT_ONCE = 16
_INLINE = {"hardBreak": "\n", "image": ""}  # elements inside a line, as text
# Marks that may overlap themselves carry a hash in their name: @tiptap/y-tiptap, src/utils.js.
_OVERLAPPING = re.compile(r"--[a-zA-Z0-9+/=]{8}\Z")


class EngineError(Exception):
    """The engine refused an update or failed on it."""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError, TypeError) as error:
        raise EngineError(str(error)) from error
    except BaseException as error:
        # a Rust panic arrives as a BaseException of pyo3's own, which cannot be imported
        if type(error).__name__ == "PanicException":
            raise EngineError(str(error)) from error
        raise


class Replica:
    """One document in memory. Holds what it was given and nothing of its own."""

    def __init__(self, *, keep_deleted: bool = False) -> None:
        self._doc: pycrdt.Doc[Any] = pycrdt.Doc(skip_gc=keep_deleted)

    def apply(self, update: bytes) -> None:
        """Apply an update whose dependencies are here; raises EngineError."""
        with _translated():
            self._doc.apply_update(update)

    def clocks(self) -> dict[int, int]:
        """How many clocks of each client are here."""
        return read_state_vector(self.state_vector())

    def state_vector(self) -> bytes:
        """The same, encoded."""
        with _translated():
            return self._doc.get_state()

    def state(self) -> bytes:
        """Everything, as one update."""
        with _translated():
            return self._doc.get_update()

    def diff(self, state_vector: bytes) -> bytes:
        """What someone with this state vector lacks; raises EngineError."""
        with _translated():
            return self._doc.get_update(state_vector)

    def encoded(self) -> Sequence[bytes]:
        """Updates that together are everything, if they are at hand; none otherwise."""
        return ()

    def deleted(self) -> list[Range]:
        """The runs of ids that are deleted."""
        with _translated():
            encoded = pycrdt.Snapshot.from_doc(self._doc).encode()
        return read_delete_set(encoded, 0)[0]


def check(update: bytes) -> None:
    """Let the engine parse an update without applying it; raises EngineError."""
    with _translated():
        pycrdt.get_state(update)


def vector_of(update: bytes) -> bytes:
    """The state vector of who has an update and nothing else; raises EngineError."""
    with _translated():
        return pycrdt.get_state(update)


def merge(updates: Sequence[bytes]) -> bytes:
    """Several updates as one, the same in effect; raises EngineError."""
    if not updates:
        return EMPTY
    level = list(updates)
    with _translated():
        while len(level) > 1:
            level = [
                pycrdt.merge_updates(*level[i : i + _MERGE_AT_ONCE])
                for i in range(0, len(level), _MERGE_AT_ONCE)
            ]
    return level[0]


def diff_update(update: bytes, state_vector: bytes) -> bytes:
    """What an update holds beyond a state vector (all its deletions stay); raises EngineError."""
    with _translated():
        return pycrdt.get_update(update, state_vector)


def text_of(state: bytes, format: str) -> str:
    """The readable text of a document's state: blocks of rich text stand on lines of their own."""
    if format == "text":
        return "".join(_runs(_root(state, pycrdt.Text)))
    return "\n".join(_lines(_root(state, pycrdt.XmlFragment)))


def json_of(state: bytes, format: str) -> Any:
    """The content as JSON: `{"text"}`, or a ProseMirror document `{"type": "doc", "content"}`.

    Raises Conflict (`document_too_deep`): no program that reads JSON can be asked to follow for ever.
    """
    if format == "text":
        return {"text": text_of(state, format)}
    return {"type": "doc", "content": _nodes(_root(state, pycrdt.XmlFragment), 1)}


def compose(json: Any) -> bytes:
    """A new rich text document from ProseMirror JSON, as one update: the reverse of `json_of`.

    Nodes, text, marks and attributes, those without a value (null) left out, as the editor's own
    binding writes them (@tiptap/y-tiptap). Each call writes under a new client id.
    """
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    fragment = doc.get(CONTENT, type=pycrdt.XmlFragment)
    with _translated(), doc.transaction():
        _put(fragment, json["content"])
    return doc.get_update()


def insert(state: bytes, content: Any, format: str, *, client: int, replace: bool = False) -> bytes:
    """What to apply to a document so that `content`, as `json_of` gives it, is added at its end.

    With `replace`, or where nothing is written yet, it stands alone. Returns one update under the
    given client id, EMPTY if the document has something of that client: it was done before.
    Raises EngineError.
    """
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client)
    made: list[bytes] = []
    with _translated():
        doc.apply_update(state)
        if client in read_state_vector(doc.get_state()):
            return EMPTY
        watch = doc.observe(lambda event: made.append(event.update))
        with doc.transaction():
            if format == "text":
                _insert_text(doc.get(CONTENT, type=pycrdt.Text), content["text"], replace)
            else:
                _insert_blocks(doc.get(CONTENT, type=pycrdt.XmlFragment), content["content"], replace)
        doc.unobserve(watch)
    return merge(made)


def _insert_text(text: Any, added: str, replace: bool) -> None:
    if replace:
        text.clear()
    elif len(text) and added and not str(text).endswith("\n"):
        added = "\n" + added
    text += added


def _insert_blocks(fragment: Any, blocks: Sequence[dict[str, Any]], replace: bool) -> None:
    children = fragment.children
    if len(children) and (replace or _is_blank(fragment)):
        del children[0 : len(children)]
    _put(fragment, blocks)


def _is_blank(fragment: Any) -> bool:
    """Whether it holds at most what an editor shows before anything is typed: one empty paragraph."""
    children = list(fragment.children)
    if len(children) > 1 or isinstance(children[0], pycrdt.XmlText):
        return False
    inner = list(children[0].children)
    empty = not inner or (len(inner) == 1 and isinstance(inner[0], pycrdt.XmlText) and not inner[0].diff())
    return children[0].tag == "paragraph" and empty


def _put(parent: Any, nodes: Sequence[dict[str, Any]]) -> None:
    text: Any = None  # neighbouring text nodes share one shared text, in which marks are formats
    for node in nodes:
        if node["type"] != "text":
            text = None
            attributes = {
                name: value for name, value in (node.get("attrs") or {}).items() if value is not None
            }
            element = parent.children.append(pycrdt.XmlElement(node["type"], attributes))
            _put(element, node.get("content", ()))
            continue
        if text is None:
            text, at = parent.children.append(pycrdt.XmlText()), 0
        text.insert(
            at, node["text"], {mark["type"]: mark.get("attrs") or {} for mark in node.get("marks", ())}
        )
        at += len(node["text"].encode())


def _root(state: bytes, kind: type[Any]) -> Any:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    with _translated():
        doc.apply_update(state)
        return doc.get(CONTENT, type=kind)


def _runs(text: Any) -> Iterator[str]:
    """What is text in a shared text, embedded things left out."""
    for value, _ in text.diff():
        if isinstance(value, str):
            yield value


@dataclass(slots=True)
class _Block:
    """A block whose text is being read: what is left of it, its line so far, the lines before it."""

    children: Iterator[Any]
    before: int
    line: list[str] = field(default_factory=list)


def _lines(root: Any) -> list[str]:
    """Without recursion: whoever writes a document chooses how deep it is."""
    lines: list[str] = []
    path = [_Block(iter(root.children), 0)]
    while path:
        block = path[-1]
        child = next(block.children, None)
        if isinstance(child, pycrdt.XmlText):
            block.line += _runs(child)
        elif child is not None and child.tag in _INLINE:
            block.line.append(_INLINE[child.tag])
        else:
            if block.line:
                lines.append("".join(block.line))
                block.line.clear()
            if child is not None:
                path.append(_Block(iter(child.children), len(lines)))
                continue
            path.pop()
            if path and len(lines) == block.before:
                lines.append("")
    return lines


def _nodes(parent: Any, depth: int) -> list[dict[str, Any]]:
    if depth > MAX_DEPTH:
        raise Conflict("the document is nested too deeply to be read as JSON", code="document_too_deep")
    nodes: list[dict[str, Any]] = []
    for child in parent.children:
        if isinstance(child, pycrdt.XmlText):
            nodes += (_text_node(value, marks) for value, marks in child.diff() if isinstance(value, str))
            continue
        node: dict[str, Any] = {"type": child.tag}
        attributes = {name: _plain(value) for name, value in child.attributes}
        if attributes:
            node["attrs"] = attributes
        if inner := _nodes(child, depth + 1):
            node["content"] = inner
        nodes.append(node)
    return nodes


def _text_node(text: str, marks: dict[str, Any] | None) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "text", "text": text}
    if marks:
        node["marks"] = [mark(name, value) for name, value in sorted(marks.items())]
    return node


def mark(name: str, value: Any) -> dict[str, Any]:
    """A format of a shared text as a ProseMirror mark."""
    value, name = _plain(value), _OVERLAPPING.sub("", name)
    return {"type": name, "attrs": value} if isinstance(value, dict) and value else {"type": name}


def _plain(value: Any) -> Any:
    """As JSON has it: one kind of number (the engine reads whole ones as floats), none for NaN or bytes."""
    if isinstance(value, float):
        return None if not math.isfinite(value) else int(value) if value.is_integer() else value
    if isinstance(value, bytes | bytearray):
        return None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


__all__ = [
    "CONTENT",
    "MAX_DEPTH",
    "EngineError",
    "Replica",
    "check",
    "compose",
    "diff_update",
    "insert",
    "json_of",
    "mark",
    "merge",
    "text_of",
    "vector_of",
]
