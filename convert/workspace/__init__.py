"""Stacks: the repositories that are cloned and converted together, and what they run in. See ``docs/workspace.md``."""
