"""From rows, members and records to a plan. Pure."""
