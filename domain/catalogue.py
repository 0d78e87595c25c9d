"""Every event type of interlink, at its current schema version.

To change a payload: raise `schema_version`, add the upcaster from the version before, and add an
example beside the old ones in app/eventlog/examples, which stand for what is in somebody's log.
"""

from __future__ import annotations

from domain.access import Access
from domain.asset import Asset
from domain.document import Document
from domain.payloads import Payloads
from domain.person import Person
from domain.plan import Plan
from domain.process import Process
from domain.registry import Registry

EVENTS = Registry()
EVENTS.add(Person, Person.Registered, Person.Erased)
EVENTS.add(
    Process,
    Process.Started,
    Process.Described,
    Process.RightGranted,
    Process.RightRevoked,
    Process.KeepingDecided,
)
EVENTS.add(
    Plan,
    Plan.Opened,
    Plan.NodeAdded,
    Plan.NodeRenamed,
    Plan.NodeDescribed,
    Plan.NodeMoved,
    Plan.TaskStatusSet,
    Plan.NodeDisabled,
    Plan.NodeRestored,
)
EVENTS.add(Asset, Asset.Created, Asset.Renamed, Asset.Disabled, Asset.Restored)
EVENTS.add(Document, Document.Created, Document.Edited, Document.VersionNamed, Document.Restored)
EVENTS.add(Access, Access.Recorded)
EVENTS.add(Payloads, Payloads.Expired)

REWRITING = frozenset(entry.name for entry in EVENTS if entry.attachment_field == "replaced")
"""Types of the events that tell of replaced payloads: nothing else makes one lawful."""
