"""What each route does, over the same functions as the command line."""
