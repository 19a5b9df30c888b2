"""The append-only Merkle log that every governed change is written to."""
