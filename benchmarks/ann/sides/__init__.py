"""Sides of a comparison: each a process in an environment of its own, which needs numpy."""
