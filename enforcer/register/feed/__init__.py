"""Files of HR systems: bytes become a grid, the grid's columns are named, its lines become rows."""
