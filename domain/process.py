"""A co-production process: what it is about, and who may do what in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.errors import Conflict, Invalid, NotFound
from domain.rights import RIGHTS, Grant, GranteeKind, Right

Exemption = Literal["free_expression", "legal_obligation", "public_health", "archiving", "legal_claims"]
"""Why text may have to stay: GDPR article 17(3), (a) to (e) in this order."""
EXEMPTIONS: tuple[Exemption, ...] = get_args(Exemption)


class Process(Aggregate):
    """The collaboration itself. Its creator becomes its first administrator."""

    class Started(Aggregate.Created):
        """A process began."""

        TOPIC = "process.started"
        title: str
        description: str
        language: str

    class Described(Aggregate.Event):
        """Title, description or language were given anew (all three as they are now)."""

        TOPIC = "process.described"
        title: str
        description: str
        language: str

        def apply(self, aggregate: Process) -> None:
            aggregate.title = self.title
            aggregate.description = self.description
            aggregate.language = self.language

    class RightGranted(Aggregate.Event):
        """A person or team may do something, on the process or on one node and below."""

        TOPIC = "process.right_granted"
        TAGGED = ("permission",)
        permission: UUID
        grantee: UUID
        grantee_kind: GranteeKind
        node: UUID | None
        rights: tuple[Right, ...]

        def apply(self, aggregate: Process) -> None:
            aggregate.grants[self.permission] = Grant(
                self.permission, self.grantee, self.grantee_kind, self.node, frozenset(self.rights)
            )

    class RightRevoked(Aggregate.Event):
        """A grant holds no longer."""

        TOPIC = "process.right_revoked"
        permission: UUID
        grantee: UUID
        grantee_kind: GranteeKind
        node: UUID | None

        def apply(self, aggregate: Process) -> None:
            del aggregate.grants[self.permission]

    class KeepingDecided(Aggregate.Event):
        """Text in this process is kept when its authors are erased, on this ground; None: no longer."""

        TOPIC = "process.keeping_decided"
        ground: Exemption | None

        def apply(self, aggregate: Process) -> None:
            aggregate.kept_for = self.ground

    def __init__(self, title: str, description: str, language: str) -> None:
        self.title = title
        self.description = description
        self.language = language
        self.grants: dict[UUID, Grant] = {}
        self.kept_for: Exemption | None = None

    @classmethod
    def start(
        cls, *, id: UUID, title: str, description: str, language: str, administrator: UUID, permission: UUID
    ) -> Process:
        """Begin a process with its creator as administrator; raises Invalid."""
        process = cls._create(
            cls.Started,
            id=id,
            title=text.title(title),
            description=text.text(description),
            language=text.language(language),
        )
        process.grant(permission=permission, grantee=administrator, rights=["administer"])
        return process

    def describe(
        self, *, title: str | None = None, description: str | None = None, language: str | None = None
    ) -> None:
        """Change what is given; nothing happens if nothing differs. Raises Invalid."""
        now = (
            self.title if title is None else text.title(title),
            self.description if description is None else text.text(description),
            self.language if language is None else text.language(language),
        )
        if now != (self.title, self.description, self.language):
            self.trigger_event(self.Described, title=now[0], description=now[1], language=now[2])

    def decide_keeping(self, ground: str | None) -> None:
        """Keep text when its authors are erased, on this ground, or (None) no longer; raises Invalid."""
        if ground is not None and ground not in EXEMPTIONS:
            raise Invalid(
                f"a ground is one of {', '.join(EXEMPTIONS)}", code="ground_unknown", field="ground"
            )
        if ground != self.kept_for:
            self.trigger_event(self.KeepingDecided, ground=ground)

    def grant(
        self,
        *,
        permission: UUID,
        grantee: UUID,
        rights: Iterable[str],
        grantee_kind: GranteeKind = "person",
        node: UUID | None = None,
    ) -> None:
        """Give rights; whatever is given, the right to view comes with it.

        Raises Invalid for unknown or empty rights, or administration of a mere node.
        """
        wanted = frozenset(rights)
        if not wanted or not wanted <= frozenset(RIGHTS):
            raise Invalid(f"rights are some of {', '.join(RIGHTS)}", code="rights_unknown", field="rights")
        if "administer" in wanted and (node is not None or grantee_kind != "person"):
            raise Invalid("a person administers a whole process", code="administer_whole", field="rights")
        if permission in self.grants:
            raise Conflict("this permission exists already", code="permission_exists")
        self.trigger_event(
            self.RightGranted,
            permission=permission,
            grantee=grantee,
            grantee_kind=grantee_kind,
            node=node,
            rights=tuple(right for right in RIGHTS if right in wanted | {"view"}),
        )

    def revoke(self, permission: UUID) -> None:
        """Take a grant back; raises NotFound, or Conflict for the last administrator."""
        grant = self.grants.get(permission)
        if grant is None:
            raise NotFound("no such permission")
        administrations = [g for g in self.grants.values() if "administer" in g.rights]
        if administrations == [grant]:
            raise Conflict("a process keeps at least one administrator", code="last_administrator")
        self.trigger_event(
            self.RightRevoked,
            permission=permission,
            grantee=grant.grantee,
            grantee_kind=grant.grantee_kind,
            node=grant.node,
        )

    def administrators(self) -> frozenset[UUID]:
        """The persons who hold every right."""
        return frozenset(g.grantee for g in self.grants.values() if "administer" in g.rights)
