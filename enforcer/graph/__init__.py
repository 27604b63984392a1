"""The adapter to Microsoft Graph."""
