"""Stand-ins, on mindtorch, for packages that upstream code imports beside PyTorch: apex with its extension modules,
transformer_engine, and safetensors with mindtorch's tensors. ``docs/shims.md`` tells what is there, what differs and
what raises."""
