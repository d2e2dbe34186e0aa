"""Stand-ins, on mindtorch, for packages that upstream code imports beside PyTorch: apex with its extension modules, and
transformer_engine. ``docs/shims.md`` tells what is there, what differs and what raises."""
