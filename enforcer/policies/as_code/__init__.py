"""Conditional Access policies as code: templates, plan, guard, apply."""
