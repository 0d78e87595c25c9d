"""Transcripts of a protocol, as people write them: see golden/y-websocket/README.md for the notation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from realtime.wire import sized

_TOKENS = re.compile(r"""\[|\]|"[^"]*"|'[^']*'|[0-9a-f]{2}(?=\s|$)""")


@dataclass(frozen=True)
class Line:
    """`who` speaks (`C` a client, `S` the server to it), in connection `number`; or what is `done` there."""

    who: str
    number: int
    frame: bytes = b""
    close: tuple[int, str] | None = None
    done: str = ""


def read(path: Path, **words: str) -> list[Line]:
    """A transcript's lines; `{word}` in strings is replaced. Raises ValueError for what is none."""
    return [_line(text, words) for text in path.read_text().splitlines() if text and not text.startswith("#")]


def _line(text: str, words: dict[str, str]) -> Line:
    head, _, rest = text.partition(" ")
    if head == "do":
        return Line("do", 1, done=rest.strip())
    who, number = head[0], int(head[1:] or 1)
    if who not in "CS":
        raise ValueError(text)
    if closed := re.match(r"close (\d+) ([^#]*)", rest):
        return Line(who, number, close=(int(closed[1]), closed[2].strip()))
    return Line(who, number, frame=encoded(rest, words))


def encoded(text: str, words: dict[str, str]) -> bytes:
    """The bytes that a line of the notation stands for."""
    open_groups: list[bytearray] = [bytearray()]
    at = 0
    while found := re.compile(r"\s*").match(text, at):
        at = found.end()
        if at == len(text) or text[at] == "#":
            break
        token = _TOKENS.match(text, at)
        if token is None:
            raise ValueError(text)
        at = token.end()
        match token[0]:
            case "[":
                open_groups.append(bytearray())
            case "]":
                group = open_groups.pop()
                open_groups[-1] += sized(bytes(group))
            case string if string[0] in "\"'":
                filled = re.sub(
                    r"\{([a-z0-9 ]+)\}", lambda word: words[word[1].replace(" ", "_")], string[1:-1]
                )
                open_groups[-1] += sized(filled.encode())
            case byte:
                open_groups[-1] += bytes.fromhex(byte)
    (whole,) = open_groups
    return bytes(whole)
