"""What each route does, with the same functions as the command line."""
