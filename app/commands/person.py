"""Becoming known here, and changing one's own profile."""

from __future__ import annotations

from uuid import UUID

from app.commands import Done
from app.system import System
from domain.errors import Forbidden
from domain.ports import Context


async def register(system: System, context: Context, *, email: str, name: str, language: str) -> Done:
    """The person with this e-mail, made known now if they are not.

    For whoever has proven the address; in demo mode everybody is believed. Raises Invalid.
    """
    profile = await system.people.register(context, email=email, name=name, language=language)
    return Done(profile.person, await system.log.head())


async def update(
    system: System, context: Context, *, name: str | None = None, language: str | None = None
) -> Done:
    """Change the actor's own profile, of which the log holds nothing; raises Invalid, Forbidden, NotFound."""
    person = _actor(context)
    await system.people.update(person, name=name, language=language)
    return Done(person, await system.log.head())


def _actor(context: Context) -> UUID:
    if context.actor is None:
        raise Forbidden("only somebody who has signed in has a profile")
    return context.actor
