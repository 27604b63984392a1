"""Evidence as files: CSV, JSON Lines, an HTML page and a manifest. The same data gives the same bytes."""
