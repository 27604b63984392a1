"""The proof of `docs/reliability.md`: crashes, faults, races."""
