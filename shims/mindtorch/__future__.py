"""``torch.__future__``: switches of how ``Module.to`` replaces parameters."""

from __future__ import annotations


class _Flags:
    overwrite_module_params_on_conversion = False
    swap_module_params_on_conversion = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether converting a module makes new parameters instead of changing ``.data``."""
    _Flags.overwrite_module_params_on_conversion = bool(value)


def get_overwrite_module_params_on_conversion() -> bool:
    return _Flags.overwrite_module_params_on_conversion


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Swapping parameters is not supported: only False is accepted."""
    if value:
        raise NotImplementedError(
            "torch.__future__.set_swap_module_params_on_conversion(True) is not supported by mindtorch"
        )


def get_swap_module_params_on_conversion() -> bool:
    return _Flags.swap_module_params_on_conversion
