"""The operators' page: server-rendered HTML without any script, over the same calls as the API."""
