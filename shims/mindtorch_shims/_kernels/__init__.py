"""What several stand-ins compute with: lists of tensors, norms, rotary embeddings, weight gradients."""
