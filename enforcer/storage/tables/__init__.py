"""The adapter to Azure Table Storage."""
