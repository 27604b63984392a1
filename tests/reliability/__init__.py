"""The tests behind `docs/reliability.md`: crashes, faults, races."""
