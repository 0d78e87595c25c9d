"""Activity on its way into a page: grouped by day, told in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from markupsafe import Markup

from app.pages.page import Page
from app.people import Profile
from app.web.activity import persons_in, sentence
from projections.activity import ActivityRow


@dataclass(frozen=True)
class Told:
    """One sentence, when it became true, and who did it (None: unknown by now)."""

    at: datetime
    text: Markup
    who: Profile | None


@dataclass(frozen=True)
class Day:
    """What happened on one day (UTC), newest first."""

    name: str
    told: list[Told]


async def tell(page: Page, rows: Sequence[ActivityRow]) -> list[Day]:
    """The rows as sentences in the reader's language, with today's names of the people in them."""
    names = await page.system.people.names(persons_in(rows))
    return [
        Day(
            page.locale.day(group[0].at),
            [
                Told(row.at, sentence(row, names, page.locale), names.get(row.actor) if row.actor else None)
                for row in group
            ],
        )
        for _, found in groupby(rows, key=lambda row: row.at.date())
        if (group := list(found))
    ]
