"""From the records to what auditors ask: for each end of access, what became of it. Pure."""
