"""Measures what the performance page says, against the local tenant and beside what a user would write."""
