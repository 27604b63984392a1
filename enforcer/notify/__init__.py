"""What sponsors and operators are told, and how it reaches them. Never in the way of an offboarding."""
