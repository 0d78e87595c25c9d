"""The stored log's tree is that of its leaves: roots and proofs across full tiles."""

from __future__ import annotations

import pytest

from app.audit import note
from app.audit.checkpoints import Checkpoints
from app.audit.keys import known_keys, log_signer
from app.audit.proof import consistency, inclusion, verify_consistency, verify_inclusion
from app.audit.tree import WIDTH, MissingHashes, Tree
from app.database.postgres import Pool
from app.eventlog.merkle import Frontier, leaf_hash
from app.settings import Settings

SIZE = 2 * WIDTH + 7
LEAVES = [leaf_hash(b"entry %d" % n) for n in range(SIZE)]
SETTINGS = Settings.model_validate(
    {"secret_key": "a key for tests alone", "public_url": "https://log.example"}
)


def frontier(size: int) -> Frontier:
    found = Frontier()
    for leaf in LEAVES[:size]:
        found.append(leaf)
    return found


@pytest.fixture
async def stored(pool: Pool) -> Pool:
    """A log of so many leaves; what else is in its rows does not matter here."""
    await pool.execute(
        """
        INSERT INTO events (position, event_id, stream, stream_version, type, schema_version, recorded_at,
            command_id, tags, payload, salt, leaf_hash)
        SELECT n, gen_random_uuid(), gen_random_uuid(), 1, 'test', 1, now(), gen_random_uuid(),
            '{}', '', '', h
        FROM unnest($1::bytea[]) WITH ORDINALITY AS leaf (h, n)
        """,
        LEAVES,
    )
    end = frontier(SIZE)
    await pool.execute("UPDATE log_head SET position = $1, frontier = $2", SIZE, bytes(end))
    return pool


async def test_proofs_come_out_of_the_stored_tree(stored: Pool) -> None:
    tree, top = Tree(stored), frontier(SIZE).root()
    await tree.grow(SIZE)
    await tree.grow(SIZE)
    assert await tree.root(SIZE) == top
    assert await stored.fetchval("SELECT count(*) FROM tree_hashes") == 2
    for index in (0, WIDTH - 1, WIDTH, 2 * WIDTH, SIZE - 1):
        path = await tree.prove(lambda hash_of, index=index: inclusion(index, SIZE, hash_of))  # type: ignore[misc]
        assert verify_inclusion(LEAVES[index], index, SIZE, path, top)
    for first in (1, WIDTH, WIDTH + 3, 2 * WIDTH, SIZE - 1):
        path = await tree.prove(lambda hash_of, first=first: consistency(first, SIZE, hash_of))  # type: ignore[misc]
        assert verify_consistency(first, SIZE, frontier(first).root(), top, path)


async def test_what_is_not_there_is_not_made_up(stored: Pool) -> None:
    with pytest.raises(MissingHashes):
        await Tree(stored).root(SIZE)  # its tiles are not kept yet
    with pytest.raises(MissingHashes):
        await Tree(stored).hashes(0, SIZE - 1, 2)


async def test_the_head_is_signed_once_and_its_key_kept(stored: Pool) -> None:
    signer = log_signer(SETTINGS)
    checkpoints = Checkpoints(stored, signer)
    assert await checkpoints.sign_head() == await checkpoints.sign_head() == SIZE
    size, text = await checkpoints.covering(SIZE)
    signed = note.parse(text.encode())
    assert note.verify(signed, [signer.verifier]) == [(signer.verifier, None)]
    assert note.parse_checkpoint(signed) == note.Checkpoint("log.example", size, frontier(SIZE).root())
    assert await stored.fetchval("SELECT count(*) FROM checkpoints") == 1
    assert await known_keys(stored) == [signer.verifier.vkey]


async def test_another_secret_signs_anew_and_the_old_key_stays_known(stored: Pool) -> None:
    other = log_signer(SETTINGS.model_copy(update={"public_url": "https://new.example"}))
    await Checkpoints(stored, log_signer(SETTINGS)).sign_head()
    await Checkpoints(stored, other).sign_head()
    latest = await Checkpoints(stored, other).latest()
    assert latest is not None
    assert note.verify(note.parse(latest[1].encode()), [other.verifier])
    assert set(await known_keys(stored)) == {log_signer(SETTINGS).verifier.vkey, other.verifier.vkey}
