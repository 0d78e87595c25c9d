"""The event log on PostgreSQL: contiguous positions in commit order, group commit, Merkle tree."""
