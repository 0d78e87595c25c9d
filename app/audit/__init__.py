"""The log proves itself: checkpoints, proofs, witnesses, exports and their verification."""
