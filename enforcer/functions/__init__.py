"""The Azure Functions: thin shells over the same calls that the command line makes."""
