"""Evidence as files: CSV, JSON Lines, a page for people, a manifest. Same data, same bytes."""
