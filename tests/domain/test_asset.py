"""An asset is a document or a link, and stays what it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.asset import Asset
from domain.errors import Invalid
from tests.domain.replay import replayed

URL = "https://example.org"


def an_asset(**fields: Any) -> Asset:
    kind = {"kind": "link", "url": URL}
    return Asset.create(**{"id": uuid4(), "process": uuid4(), "node": uuid4(), "title": "A"} | kind | fields)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "spreadsheet"}, "kind_unknown"),
        ({"kind": "link", "url": None}, "url_unfit"),
        ({"kind": "link", "document": UUID(int=1)}, "document_unfit"),
        ({"kind": "document", "url": None}, "document_unfit"),
        ({"kind": "document", "document": UUID(int=1)}, "url_unfit"),
        ({"url": "javascript:alert(1)"}, "url_invalid"),
        ({"title": "  "}, "title_missing"),
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        an_asset(**fields)
    assert refusal.value.code == code


def test_only_changes_are_events() -> None:
    asset = an_asset()
    asset.rename(" A ")
    asset.restore()
    assert asset.version == 1
    asset.rename("B")
    asset.disable()
    asset.disable()
    assert (asset.version, asset.title, asset.enabled) == (3, "B", False)
    asset.restore()
    assert asset.enabled
    assert replayed(asset) == asset


def test_the_creation_is_found_by_its_node() -> None:
    assert Asset.Created.TAGGED == ("node",)
