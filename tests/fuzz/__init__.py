"""Mutated frames, by the million (`make fuzz`), and a sample of them in the tests."""
