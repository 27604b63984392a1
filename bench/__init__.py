"""Measures the figures of the performance page, against the local tenant and compared with a plain loop."""
