"""Configuration files (YAML, JSON, TOML): where each value stands, and small edits that change it."""
