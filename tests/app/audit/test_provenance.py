"""What is told in PROV-O: an independent reader of JSON-LD finds in it what the events say, and no more."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from rdflib import RDF, Graph, Namespace, URIRef
from rdflib.namespace import PROV

from app.audit.archive import Archive
from app.audit.archive_writing import ArchiveWriter
from app.audit.provenance import CLOSING, CONTEXT, OPENING, Provenance
from app.audit.verify import verify_archive
from domain.ports import RecordedEvent
from tests.app.audit.histories import History, archive, checkpoints
from tests.app.audit.signing import LogKey

KEY = LogKey()
DAY = timedelta(days=1)
DCTERMS = Namespace("http://purl.org/dc/terms/")


def document(events: list[RecordedEvent]) -> bytes:
    provenance = Provenance()
    return b"".join([OPENING, *map(provenance.piece, events), CLOSING])


def graph(data: bytes) -> Graph:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of rdflib, about its own parser
        return Graph().parse(data=data, format="json-ld")


def urn(id: UUID | None, version: int | None = None) -> URIRef:
    return URIRef(f"urn:uuid:{id}" + (f"#{version}" if version else ""))


def a_process() -> tuple[UUID, list[RecordedEvent]]:
    history = History(11, 30)
    process = history.processes[0]
    events = [record.event for record in history.records if record.event.process == process]
    caused = replace(events[-1], causation_id=events[0].event_id)
    return process, [*events[:-1], caused]


def test_a_reader_of_json_ld_finds_what_the_events_say() -> None:
    _, events = a_process()
    found = graph(document(events))
    assert {PROV.Activity, PROV.Entity, PROV.Agent} <= set(found.objects(None, RDF.type))
    for event in events:
        activity, made = urn(event.event_id), urn(event.stream, event.version)
        assert (activity, RDF.type, PROV.Activity) in found
        assert (made, PROV.wasGeneratedBy, activity) in found
        assert (made, PROV.specializationOf, urn(event.stream)) in found
        assert found.value(activity, DCTERMS.identifier).toPython() == event.position
        assert found.value(activity, PROV.endedAtTime).toPython() == event.recorded_at
        assert ((activity, PROV.wasAssociatedWith, urn(event.actor)) in found) == (event.actor is not None)
        if event.version > 1:
            assert (activity, PROV.used, urn(event.stream, event.version - 1)) in found
            assert (made, PROV.wasRevisionOf, urn(event.stream, event.version - 1)) in found
        if event.actor and event.on_behalf_of:
            assert (urn(event.actor), PROV.actedOnBehalfOf, urn(event.on_behalf_of)) in found
    assert (urn(events[-1].event_id), PROV.wasInformedBy, urn(events[0].event_id)) in found
    assert len(set(found.subjects(RDF.type, PROV.Activity))) == len(events)


def test_on_whose_behalf_is_told_of_each_activity() -> None:
    """The same person acts for one today and for another tomorrow."""
    _, events = a_process()
    actor, first, second = (uuid4() for _ in range(3))
    told = [
        replace(events[0], actor=actor, on_behalf_of=first),
        replace(events[1], actor=actor, on_behalf_of=second),
    ]
    found = graph(document(told))
    delegations = {
        (found.value(node, PROV.agent), found.value(node, PROV.hadActivity))
        for node in found.objects(urn(actor), PROV.qualifiedDelegation)
    }
    assert delegations == {(urn(first), urn(told[0].event_id)), (urn(second), urn(told[1].event_id))}


def test_the_agreement_under_which_something_was_done_is_told() -> None:
    """Of an edit, the one when it was made; before the process there was none."""
    process, events = a_process()
    middle = len(events) // 2
    events[middle] = replace(events[middle], stream=process, type="process.described", version=3)
    found = graph(document(events))
    plans = {urn(each.stream, each.version) for each in events if each.stream == process}
    assert set(found.subjects(RDF.type, PROV.Plan)) == plans
    told = set()
    for event in events:
        at, before = event.recorded_at, event.position
        if event.type == "document.edited":
            at = datetime.fromisoformat(json.loads(event.payload)["ended"])
        held = [e for e in events if e.stream == process and e.recorded_at <= at and e.position < before]
        association = found.value(urn(event.event_id), PROV.qualifiedAssociation)
        if not held or event.actor is None:
            assert association is None
            continue
        assert found.value(association, PROV.agent) == urn(event.actor)
        assert found.value(association, PROV.hadPlan) == urn(process, held[-1].version)
        told.add((event.type, held[-1].version))
    assert {version for _, version in told} == {2, 3}


def test_an_edit_made_before_an_agreement_changed_was_done_under_the_one_before() -> None:
    process, events = a_process()
    edit = next(event for event in events if event.type == "document.edited")
    made = datetime.fromisoformat(json.loads(edit.payload)["ended"])
    first = replace(events[0], stream=process, version=1, position=1, recorded_at=made)
    second = replace(first, event_id=uuid4(), version=2, position=2, recorded_at=made + DAY)
    edit = replace(edit, position=3, recorded_at=made + 2 * DAY)
    found = graph(document([first, second, edit]))
    association = found.value(urn(edit.event_id), PROV.qualifiedAssociation)
    assert found.value(association, PROV.hadPlan) == urn(process, 1)


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"ended": 5}', '{"ended": "2026-01-01"}', "[" * 9999])
def test_of_a_damaged_edit_what_stood_when_it_was_recorded_is_told(payload: str) -> None:
    process, events = a_process()
    edit = next(event for event in events if event.type == "document.edited" and event.actor)
    found = graph(document([*events[:2], replace(edit, payload=payload.encode())]))
    association = found.value(urn(edit.event_id), PROV.qualifiedAssociation)
    assert found.value(association, PROV.hadPlan) == urn(process, 2)


def test_every_term_is_one_of_prov_o() -> None:
    """rdflib's namespace is the closed list of the recommendation."""
    _, events = a_process()
    found = graph(document(events))
    used = {str(term) for triple in found for term in triple if str(term).startswith(str(PROV))}
    assert len(used) > 10
    assert used <= {str(PROV[name]) for name in PROV.__annotations__}


def test_nothing_of_a_payload_is_told() -> None:
    _, events = a_process()
    text = document(events).decode()
    assert any("Fāze" in event.payload.decode() for event in events)
    assert "Fāze" not in text
    assert "Parks" not in text
    names = {key for node in json.loads(text)["@graph"] for key in node}
    assert names <= CONTEXT.keys()


def exported(path: Path) -> tuple[History, Path]:
    history = History(12, 20)
    evidence = KEY.evidence(checkpoints(history.records, KEY))
    return history, archive(path, history.records, evidence, process=history.processes[0])


def test_it_goes_with_the_export_of_a_process(tmp_path: Path) -> None:
    history, path = exported(tmp_path / "one.zip")
    report = verify_archive(path, keys=[KEY.vkey])
    assert report.first is None, report.lines()
    assert any("provenance" in line for line in report.lines())
    with Archive(path) as found:
        events = [r.event for r in history.records if r.event.process == history.processes[0]]
        assert found.whole("provenance.jsonld") == document(events)
    whole = archive(tmp_path / "all.zip", history.records, KEY.evidence(checkpoints(history.records, KEY)))
    with Archive(whole) as found:
        assert "provenance.jsonld" not in found


CHANGES: dict[str, Any] = {
    "somebody else": lambda data, actor: data.replace(actor, str(uuid4()).encode()),
    "a line less": lambda data, actor: b"\n".join(data.split(b"\n")[:3] + data.split(b"\n")[4:]),
    "more": lambda data, actor: data + b"\n",
    "cut": lambda data, actor: data[:-3],
    "empty": lambda data, actor: b"",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_events_do_not_say_is_found(tmp_path: Path, change: str) -> None:
    """Also if whoever changed it signs it all anew."""
    history, path = exported(tmp_path / "one.zip")
    actor = str(next(r.event.actor for r in history.records if r.event.actor)).encode()
    forged = tmp_path / "forged.zip"
    with Archive(path) as old, ArchiveWriter(forged) as new:
        for name in sorted(old.names()):
            data = old.whole(name)
            new.add(name, CHANGES[change](data, actor) if name == "provenance.jsonld" else data)
        facts = {key: value for key, value in old.manifest.items() if key != "members"}
        new.signature(KEY.manifest(new.manifest(facts)))
    first = verify_archive(forged, keys=[KEY.vkey]).first
    assert first is not None
    assert first.name == "provenance"
