"""``torch.return_types``: the named tuples that operators with several results return."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

_FIELDS = {
    **dict.fromkeys(
        ("cummax", "cummin", "kthvalue", "max", "median", "min", "mode", "nanmedian", "sort", "topk"),
        ("values", "indices"),
    ),
    "aminmax": ("min", "max"),
    "frexp": ("mantissa", "exponent"),
    "geqrf": ("a", "tau"),
    "histogram": ("hist", "bin_edges"),
    "histogramdd": ("hist", "bin_edges"),
    "lu_unpack": ("P", "L", "U"),
    "qr": ("Q", "R"),
    "slogdet": ("sign", "logabsdet"),
    "svd": ("U", "S", "V"),
    "triangular_solve": ("solution", "cloned_coefficient"),
}


def named(name: str, fields: tuple[str, ...]) -> Any:
    """The result type of an operator; one that has no public name is made when it is first asked for."""
    found = globals().get(name)
    if found is not None:
        return found
    plain = namedtuple(name, fields)  # type: ignore[misc]

    def create(cls: Any, *given: Any) -> Any:
        """From a sequence, which a dictionary may follow (as in PyTorch's pickles), or from the parts."""
        parts = given if len(given) == len(fields) and not isinstance(given[-1], dict) else tuple(given[0])
        if len(parts) != len(fields):
            raise TypeError(
                f"torch.return_types.{name}() takes a {len(fields)}-sequence ({len(parts)}-sequence given)"
            )
        return tuple.__new__(cls, parts)

    def represent(self: Any) -> str:
        parts = ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=True))
        return f"torch.return_types.{name}(\n{parts})"

    members = {"__slots__": (), "__module__": __name__, "__new__": create, "__repr__": represent}
    made = type(name, (plain,), {**members, "n_fields": len(fields)})
    globals()[name] = made
    return made


all_return_types = [named(_name, _fields) for _name, _fields in _FIELDS.items()]
