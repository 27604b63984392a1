class HostError(RuntimeError):
    """The function app, its `host.json` or its settings cannot be run; the message says which and why."""
