"""Graph's routes by subject."""
