"""The HTTP API, independent of Azure Functions: routes, bodies, handlers, documents."""
