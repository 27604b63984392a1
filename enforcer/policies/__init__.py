"""Conditional Access policies as code: templates, plan, guard, drift. See `docs/conditional-access.md`."""
