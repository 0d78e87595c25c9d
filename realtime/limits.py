"""How much one connection, document and node may use. Who exceeds a limit is cut, never a neighbour."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    frame: int = 4 * MIB
    document_state: int = 64 * MIB
    # Items of a document that name another one as what they are in: it nests no deeper than it has
    # of these. The engine recurses into what is deleted, and overflows its stack at half a million.
    nested_items: int = 300_000

    rate_window: float = 10.0  # rates are averages over this long, so bursts may exceed them
    updates_per_second: float = 200.0
    update_bytes_per_second: float = 1 * MIB

    awareness_state: int = 4 * KIB
    awareness_clients: int = 20  # ids that one connection may announce
    # A client's presence goes on to others at most this often; what is more frequent is coalesced.
    awareness_per_second: float = 10.0
    # Stock clients relay everybody's presence back to the server, so the hard limit is far higher.
    awareness_frames_per_second: float = 200.0
    awareness_interval: float = 0.05  # presence of a room goes out at most this often
    awareness_expiry: float = 30.0

    connections_per_person: int = 512  # on one document
    connections_per_document: int = 2000  # on this node

    # On a connection that carries many documents:
    documents_per_connection: int = 1000
    pending_documents: int = 100  # whose token was not shown or not checked yet
    pending_messages: int = 1000  # to them, together
    pending_bytes: int = 5 * MIB
    renew_before: float = 30.0  # a new token is asked for this long before the old one expires

    refusal_pause: float = 1.0  # before who may not enter is told so
    handshake: float = 10.0  # for a cold document to load; for a token to be shown
    heartbeat: float = 25.0  # clients reconnect after 30 s without a message
    dead_after: float = 60.0
    outbound: int = 1 * MIB  # waiting for one reader; beyond, it gets one diff once it reads again
    close_timeout: float = 5.0

    parked_updates: int = 1000  # per document, waiting for what they lean on
    parked_bytes: int = 4 * MIB
    parked_for: float = 30.0
    journal_bytes: int = 64 * MIB  # waiting for the database

    seal_idle: float = 2.0
    seal_after: float = 30.0
    seal_bytes: int = 64 * KIB
    snapshot_bytes: int = 256 * KIB  # sealed since the last snapshot
    snapshot_bursts: int = 32
    unload_after: float = 60.0
    follow_every: float = 5.0  # open rooms are compared with the store, where nodes share documents
    follow_without_bus: float = 0.5  # the same, while Redis is away
    orphan_after: float = 60.0  # unsealed rows this old, of a document not open here, are sealed here
