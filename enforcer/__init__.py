"""Enforces contractor access end dates in Microsoft Entra ID."""
