"""Stand-ins, on mindtorch, for packages that upstream code imports beside PyTorch (torch_npu, apex, transformer_engine
...). None is here yet: upstream's own fallbacks for a missing package apply."""
