"""``torch.backends.cudnn``: switches that upstream code sets."""

enabled = False
benchmark = False
deterministic = True
allow_tf32 = False


def is_available() -> bool:
    """Whether cuDNN is there: no."""
    return False


def version() -> None:
    """No version."""
    return None
