"""How the managed groups are doing, and whether the next night will succeed."""
