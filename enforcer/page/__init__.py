"""The operators' page: server-rendered HTML without scripts."""
