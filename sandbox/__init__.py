"""The local tenant: what the enforcer runs against without Azure. Not deployed."""
