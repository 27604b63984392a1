"""What auditors ask for: what became of each end of access, worked out from the records. Pure."""
