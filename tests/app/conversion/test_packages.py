"""Packages are opened within limits, whatever their directory says, and packed anew."""

from __future__ import annotations

import dataclasses
import io
import random
import struct
import zipfile

import pytest

from app.conversion.errors import NotConverted
from app.conversion.limits import ConversionLimits
from app.conversion.packages import MAX_PARTS, Package

LIMITS = ConversionLimits()


def zipped(*parts: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as package:
        for name, content in parts:
            package.writestr(name, content)
    return made.getvalue()


def refusal(data: bytes, kind: str = "odt", **limits: int) -> str:
    """Why a package is refused, as a code."""
    with pytest.raises(NotConverted) as refused:
        Package.open(data, kind, dataclasses.replace(LIMITS, **limits))
    return refused.value.code


def test_what_was_opened_and_packed_anew_is_the_same() -> None:
    given = {"mimetype": b"x", "content.xml": b"<a/>", "Pictures/a b/ā.png": b"\x00" * 5000}
    opened = Package.open(zipped(*given.items(), ("folder/", b"")), "odt", LIMITS)
    assert opened.parts == given
    again = opened.packed()
    assert Package.open(again, "odt", LIMITS).parts == given
    with zipfile.ZipFile(io.BytesIO(again)) as package:
        assert {info.compress_type for info in package.infolist()} == {zipfile.ZIP_STORED}


def test_pictures_go_by_the_names_that_pandoc_gives_them() -> None:
    office = Package("docx", {"word/media/a.png": b"a", "media/b.png": b"b"})
    assert (office.picture("media/a.png"), office.picture("media/b.png")) == (b"a", None)
    assert Package("odt", {"Pictures/a.png": b"a"}).picture("./Pictures/a.png") == b"a"
    assert Package("odt", {}).picture("../../etc/passwd") is None


@pytest.mark.parametrize(("kind", "needed"), [("docx", "[Content_Types].xml"), ("odt", "content.xml")])
def test_each_kind_has_a_part_by_which_it_is_known(kind: str, needed: str) -> None:
    assert Package.open(zipped((needed, b"")), kind, LIMITS).kind == kind
    assert refusal(zipped(("other.xml", b"")), kind) == "file_broken"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_it_unpacks_to_so_much_and_no_more(method: int) -> None:
    data = zipped(("content.xml", b"a" * 600), ("b", b"b" * 400), method=method)
    assert Package.open(data, "odt", dataclasses.replace(LIMITS, unpacked=1000))
    assert refusal(data, unpacked=999) == "too_complex"


def test_a_directory_that_lies_about_sizes_gains_nothing() -> None:
    data = bytearray(zipped(("content.xml", b"a" * 100_000)))
    at = data.index(b"PK\x01\x02") + 24
    assert struct.unpack_from("<I", data, at) == (100_000,)
    struct.pack_into("<I", data, at, 10)
    assert refusal(bytes(data), unpacked=1000) in ("too_complex", "file_broken")


def test_overlapping_parts_count_each_time() -> None:
    """Many names for one stream, as in the quine-like bombs."""
    data = zipped(*((f"{i:04}.xml", b"a" * 1000) for i in range(100)), ("content.xml", b""))
    begin = data.index(b"PK\x01\x02")
    directory = bytearray(data[begin:])
    for at in (i for i in range(len(directory)) if directory[i : i + 4] == b"PK\x01\x02"):
        struct.pack_into("<I", directory, at + 42, 0)  # all of them are the first one
    assert refusal(data[:begin] + bytes(directory), unpacked=50_000) in ("too_complex", "file_broken")


def test_so_many_parts_and_no_more() -> None:
    names = [("content.xml", b""), *((str(i), b"") for i in range(MAX_PARTS))]
    assert refusal(zipped(*names, method=zipfile.ZIP_STORED)) == "too_complex"
    assert len(Package.open(zipped(*names[:-1]), "odt", LIMITS).parts) == MAX_PARTS


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_whatever_is_broken_is_opened_or_refused(method: int) -> None:
    chance, codes = random.Random(method), set[str]()
    whole = zipped(("content.xml", b"<xyz/>" * 50), ("b", b"c"), method=method)
    for at in range(len(whole)):
        for value in (0, 255, whole[at] ^ 1 << chance.randrange(8)):
            try:
                Package.open(whole[:at] + bytes((value,)) + whole[at + 1 :], "odt", LIMITS)
            except NotConverted as refused:
                codes.add(refused.code)
    assert codes <= {"file_broken", "too_complex"}
    for data in (b"", b"PK", whole[:-30], whole[20:], b"x" * 100):
        assert refusal(data) == "file_broken"


def test_what_needs_a_password_is_refused() -> None:
    data = bytearray(zipped(("content.xml", b"a")))
    for sign, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(sign) + flags] |= 1
    assert refusal(bytes(data)) == "file_broken"
