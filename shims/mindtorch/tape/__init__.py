"""The tape: nodes, saved tensors, in-place rules and the backward engine. ``mindtorch.autograd`` is its public face."""
