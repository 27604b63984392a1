"""The Azure Functions: thin shells over what the command line calls too."""
