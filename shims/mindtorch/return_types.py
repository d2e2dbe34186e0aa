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
    "linalg_cholesky_ex": ("L", "info"),
    "linalg_eig": ("eigenvalues", "eigenvectors"),
    "linalg_eigh": ("eigenvalues", "eigenvectors"),
    "linalg_inv_ex": ("inverse", "info"),
    "linalg_ldl_factor": ("LD", "pivots"),
    "linalg_ldl_factor_ex": ("LD", "pivots", "info"),
    "linalg_lstsq": ("solution", "residuals", "rank", "singular_values"),
    "linalg_lu": ("P", "L", "U"),
    "linalg_lu_factor": ("LU", "pivots"),
    "linalg_lu_factor_ex": ("LU", "pivots", "info"),
    "linalg_qr": ("Q", "R"),
    "linalg_slogdet": ("sign", "logabsdet"),
    "linalg_solve_ex": ("result", "info"),
    "linalg_svd": ("U", "S", "Vh"),
    "lu_unpack": ("P", "L", "U"),
    "qr": ("Q", "R"),
    "slogdet": ("sign", "logabsdet"),
    "svd": ("U", "S", "V"),
    "triangular_solve": ("solution", "cloned_coefficient"),
}


def _type(name: str, fields: tuple[str, ...]) -> Any:
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
    return type(name, (plain,), {**members, "n_fields": len(fields)})


globals().update({name: _type(name, fields) for name, fields in _FIELDS.items()})
all_return_types = [globals()[name] for name in _FIELDS]


def named(name: str) -> Any:
    """The result type of an operator."""
    return globals()[name]
