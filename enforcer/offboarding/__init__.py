"""Offboarding one person: the steps, on demand, and undo."""
