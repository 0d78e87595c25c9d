"""The CRDT engine, pycrdt (yrs), behind the few functions that the rest needs. The only file that imports it.

Every failure of the engine, a panic of its native code included, becomes EngineError; after one,
a replica must be dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pycrdt

from realtime.update import EMPTY
from realtime.wire import Range, read_delete_set, read_state_vector

CONTENT = "content"  # the shared type that holds a document's text
_MERGE_AT_ONCE = 32  # merging costs more than linearly in the number of updates


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

    def deleted(self) -> list[Range]:
        """The runs of ids that are deleted."""
        with _translated():
            encoded = pycrdt.Snapshot.from_doc(self._doc).encode()
        return read_delete_set(encoded, 0)[0]


def check(update: bytes) -> None:
    """Let the engine parse an update without applying it; raises EngineError."""
    with _translated():
        pycrdt.get_state(update)


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
    """The content as JSON: `{"text"}`, or a ProseMirror document `{"type": "doc", "content"}`."""
    if format == "text":
        return {"text": text_of(state, format)}
    return {"type": "doc", "content": _nodes(_root(state, pycrdt.XmlFragment))}


def compose(json: Any) -> bytes:
    """A new rich text document from ProseMirror JSON, as one update: the reverse of `json_of`.

    Nodes, their attributes, and plain text; marks are left out. Each call writes under a new client id.
    """
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    fragment = doc.get(CONTENT, type=pycrdt.XmlFragment)
    with _translated(), doc.transaction():
        _put(fragment, json["content"])
    return doc.get_update()


def _put(parent: Any, nodes: Sequence[dict[str, Any]]) -> None:
    for node in nodes:
        if node["type"] == "text":
            parent.children.append(pycrdt.XmlText(node["text"]))
        else:
            element = parent.children.append(pycrdt.XmlElement(node["type"], node.get("attrs", {})))
            _put(element, node.get("content", ()))


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


def _lines(parent: Any) -> Iterator[str]:
    line: list[str] = []
    for child in parent.children:
        if isinstance(child, pycrdt.XmlText):
            line += _runs(child)
        elif child.tag == "hardBreak":
            line.append("\n")
        else:
            if line:
                yield "".join(line)
                line = []
            inner = list(_lines(child))
            yield from inner or [""]
    if line:
        yield "".join(line)


def _nodes(parent: Any) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    for child in parent.children:
        if isinstance(child, pycrdt.XmlText):
            nodes += (_text_node(value, marks) for value, marks in child.diff() if isinstance(value, str))
            continue
        node: dict[str, Any] = {"type": child.tag}
        attributes = {name: _plain(value) for name, value in child.attributes}
        if attributes:
            node["attrs"] = attributes
        if inner := _nodes(child):
            node["content"] = inner
        nodes.append(node)
    return nodes


def _text_node(text: str, marks: dict[str, Any] | None) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "text", "text": text}
    if marks:
        node["marks"] = [_mark(name, value) for name, value in marks.items()]
    return node


def _mark(name: str, value: Any) -> dict[str, Any]:
    value = _plain(value)
    return {"type": name, "attrs": value} if isinstance(value, dict) and value else {"type": name}


def _plain(value: Any) -> Any:
    """JSON has one kind of number; the engine reads whole ones as floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


__all__ = [
    "CONTENT",
    "EngineError",
    "Replica",
    "check",
    "compose",
    "diff_update",
    "json_of",
    "merge",
    "text_of",
]
