"""``python -m ms_convert`` is the command ``ms-convert``."""

from .cli import main

if __name__ == "__main__":
    main()
