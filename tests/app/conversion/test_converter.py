"""Conversions in processes of their own: bounded in time, memory and number."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from pathlib import Path

import pytest

from app.conversion.converter import Content, Converter, Insertion
from app.conversion.errors import NotConverted
from app.conversion.limits import MIB, ConversionLimits
from app.conversion.reading import File, Into
from domain.errors import Unavailable
from realtime import crdt
from tests.app.conversion.documents import EVERYTHING, doc, par

INTO = Into("Title", "en")
EMPTY = crdt.Replica().state()
INSERTION = Insertion(EMPTY, "richtext", 7)
# Pandoc needs far more than a second for it.
SLOW = File("html", b"<table>" + b"<tr><td>x</td></tr>" * 60_000 + b"</table>")


def limits(**changed: float) -> ConversionLimits:
    """With time enough for a busy machine, unless it is told."""
    return dataclasses.replace(ConversionLimits(), **{"seconds": 200.0, **changed})  # type: ignore[arg-type]


def children() -> set[str]:
    """The processes that this one has started, and theirs."""
    found: dict[str, list[str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found.setdefault(fields[1], []).append(path.parent.name)
    waiting, seen = [str(os.getpid())], set()
    while waiting:
        for child in found.get(waiting.pop(), ()):
            seen.add(child)
            waiting.append(child)
    return seen


async def test_a_state_and_its_json_make_the_same_file() -> None:
    converter = Converter(limits())
    state = crdt.compose(EVERYTHING)
    one = await converter.write(Content("richtext", state), "md", INTO)
    assert await converter.write(Content("richtext", json=EVERYTHING), "md", INTO) == one
    read = await converter.read(File("md", one), INTO, INSERTION)
    # below a heading, the editor keeps a paragraph to write in
    assert crdt.json_of(read.update, "richtext") == doc(*EVERYTHING["content"], par())
    assert read.left_out == {}


async def test_what_takes_too_long_is_ended_with_all_its_processes() -> None:
    before = children()
    with pytest.raises(NotConverted) as refusal:
        await Converter(limits(seconds=0.7)).read(SLOW, INTO, INSERTION)
    assert refusal.value.code == "too_slow"
    assert children() <= before


async def test_a_caller_who_leaves_takes_the_processes_along() -> None:
    before = children()
    task = asyncio.create_task(Converter(limits(seconds=120)).read(SLOW, INTO, INSERTION))
    async with asyncio.timeout(60):
        while len(children() - before) < 2:  # noqa: ASYNC110  the child, and pandoc
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() <= before


async def test_memory_is_bounded() -> None:
    with pytest.raises(NotConverted) as refusal:
        await Converter(limits(memory=20 * MIB)).read(SLOW, INTO, INSERTION)
    assert refusal.value.code == "too_complex"


async def test_output_is_bounded() -> None:
    text = File("txt", b"word " * 400_000)
    with pytest.raises(NotConverted) as refusal:
        await Converter(limits(output=1 * MIB)).read(dataclasses.replace(text, kind="md"), INTO, INSERTION)
    assert refusal.value.code == "too_complex"


async def test_a_document_deeper_than_any_reader_follows_is_refused() -> None:
    deep = {"type": "paragraph", "content": [{"type": "text", "text": "x"}]}
    for _ in range(150):
        deep = {"type": "blockquote", "content": [deep]}
    content = Content("richtext", crdt.compose({"type": "doc", "content": [deep]}))
    with pytest.raises(NotConverted) as refusal:
        await Converter(limits()).write(content, "html", INTO)
    assert refusal.value.code == "too_complex"


async def test_who_comes_when_the_line_is_full_is_told_so() -> None:
    converter = Converter(limits(at_once=1, waiting=1, seconds=60))
    tasks = [asyncio.create_task(converter.read(SLOW, INTO, INSERTION)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await converter.read(SLOW, INTO, INSERTION)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    small = await converter.read(File("txt", b"x"), INTO, INSERTION)
    assert crdt.text_of(small.update, "richtext") == "x"


async def test_the_loop_goes_on_meanwhile() -> None:
    converter = Converter(limits(seconds=5))
    task = asyncio.create_task(converter.read(File("txt", b"words and more\n\n" * 60_000), INTO, INSERTION))
    longest = 0.0
    while not task.done():
        at = time.thread_time()  # what other programs take of the machine is not counted
        await asyncio.sleep(0.005)
        longest = max(longest, time.thread_time() - at)
    await asyncio.gather(task, return_exceptions=True)
    assert longest < 0.5  # parsing this in the server itself takes seconds


async def test_the_same_client_inserts_once() -> None:
    converter = Converter(limits())
    first = await converter.read(File("txt", b"x"), INTO, INSERTION)
    again = Insertion(first.update, "richtext", 7, replace=True)
    assert (await converter.read(File("txt", b"x"), INTO, again)).update == b"\x00\x00"
