"""A local tenant to run the enforcer against without Azure. Not deployed."""
