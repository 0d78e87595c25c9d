"""Where to go after signing in: paths of this site only."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.pages.next import safe_next


@pytest.mark.parametrize("wish", ["/", "/processes/1?x=1&y=%20#part", "/documents/a-b"])
def test_paths_of_this_site_are_kept(wish: str) -> None:
    assert safe_next(wish) == wish


@pytest.mark.parametrize(
    "wish",
    [
        None,
        "",
        "processes",
        "https://evil.example",
        "//evil.example",
        "///evil.example",  # a path to Python, another host to browsers
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\\b",
        "\\/evil.example",
        "/sign-in?next=/",
        "/sign-out",
        "/auth/logout",
        "/" + "a" * 2000,
        "/ü",
        "javascript:alert(1)",
    ],
)
def test_all_else_leads_home(wish: str | None) -> None:
    assert safe_next(wish) == "/"


@given(st.text(alphabet="/\\.:@?#%\t\n\r evil[]ü", max_size=30) | st.text())
@example("///evil.example")
@example("/[")
def test_no_wish_leads_to_another_host(wish: str) -> None:
    there = urlsplit(urljoin("http://here.example/sign-in", safe_next(wish)))
    assert there.netloc == "here.example"
