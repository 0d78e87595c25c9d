"""What a picture is, its bytes tell; where one may lie elsewhere, its address."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conversion import pictures
from tests.app.conversion.documents import PICTURE


def test_pictures_are_what_their_bytes_say() -> None:
    kind, data = pictures.embedded(PICTURE) or ("", b"")
    assert kind == "png"
    assert pictures.as_address(data) == PICTURE
    script = "data:image/png;base64," + base64.b64encode(b"<svg onload=x>").decode()
    for wrong in (script, PICTURE + "\n", PICTURE.replace("png", "svg+xml"), "data:image/png,x", None, 3):
        assert pictures.embedded(wrong) is None
    assert pictures.kind_of(b"RIFF1234WEBPVP8 ") == "webp"
    assert pictures.remote("https://x.org/a.png")
    for wrong in ("http://x.org", "https://x.org/\"onload='x'", "https:// x", None):
        assert pictures.remote(wrong) is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"GIF87a", "gif"),
        (b"GIF89a", "gif"),
        (b"RIFF\x00\x00\x00\x00WEBP", "webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b" \x89PNG\r\n\x1a\n", None),
        (b"", None),
    ],
)
def test_kinds_go_by_the_first_bytes(data: bytes, kind: str | None) -> None:
    assert pictures.kind_of(data) == kind
    address = pictures.as_address(data)
    assert (address is not None) == (kind is not None)
    assert pictures.embedded(address) == ((kind, data) if kind else None)


@given(st.binary(max_size=40))
def test_what_is_put_into_an_address_comes_out_of_it(more: bytes) -> None:
    data = b"GIF89a" + more
    assert pictures.embedded(pictures.as_address(data)) == ("gif", data)


def test_the_name_of_a_kind_is_not_believed() -> None:
    inside = base64.b64encode(b"GIF89a").decode()
    assert pictures.embedded(f"data:image/png;base64,{inside}") == ("gif", b"GIF89a")
    for wrong in (
        f"data:image/png;base64,{inside[:-1]}",
        f"data:image/png;base64, {inside}",
        "data:image/png;base64,",
    ):
        assert pictures.embedded(wrong) is None


@pytest.mark.parametrize(
    "address",
    [
        "http://x.org/a",
        "//x.org/a",
        "https://",
        "https://x.org/a b",
        "https://x.org/\x00",
        "https://x.org/'",
        5,
        "javascript:x//https://x.org",
        "https://x.org/<",
        "https://x.org/\\",
        "https://" + "x" * 2001,
        "\nhttps://x.org",
    ],
)
def test_pictures_elsewhere_have_a_plain_web_address(address: object) -> None:
    assert pictures.remote(address) is None
    assert pictures.remote("HTTPS://x.org/a?b=(c)#d") == "HTTPS://x.org/a?b=(c)#d"
