"""Days, instants and schedules in the zones in which people and Azure read them. Pure."""
