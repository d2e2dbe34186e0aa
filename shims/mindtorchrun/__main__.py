"""``python -m mindtorchrun``."""

from .main import main

main()
