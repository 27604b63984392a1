class HostError(RuntimeError):
    """The function app, its `host.json` or its settings are invalid; the message says which and why."""
