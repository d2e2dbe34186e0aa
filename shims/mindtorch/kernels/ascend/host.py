"""Kernels that NumPy serves on the host although the operands are on the device, and why."""

from __future__ import annotations

_COMPLEX = "complex numbers: not computed on the device"
_LAPACK = "no such function for Ascend, or one that does not tell where a factorization fails"
_CPU_GPU = "MindSpore documents its function for the CPU and GPU only"
_ABSENT = "MindSpore has no such function"
_RARE = "composed on the host: seldom in training, and NumPy's values are PyTorch's"

HOST_REASONS: dict[str, str] = {
    **dict.fromkeys(("conj", "angle", "complex", "fft_c2c", "fft_r2c", "fft_c2r"), _COMPLEX),
    **dict.fromkeys(
        ("linalg_cholesky", "linalg_cholesky_solve", "linalg_lu", "linalg_solve", "linalg_inv", "linalg_ldl",
         "linalg_ldl_solve", "linalg_geqrf", "linalg_householder", "linalg_ormqr", "linalg_svd", "linalg_eigh",
         "linalg_eig", "linalg_lstsq", "linalg_matrix_exp"), _LAPACK,
    ),
    **dict.fromkeys(
        ("lgamma", "digamma", "polygamma", "i0", "i0e", "i1", "i1e", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1",
         "bessel_k0", "bessel_k1", "bessel_k0e", "bessel_k1e", "fractional_max_pool"), _CPU_GPU,
    ),
    **dict.fromkeys(
        ("airy_ai", "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v",
         "chebyshev_polynomial_w", "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u",
         "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w", "hermite_polynomial_h",
         "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p", "frexp", "hash_tensor", "isin",
         "histogramdd", "overlap_add", "erfcx", "log_ndtr", "ndtri", "xlog1py", "entr", "spherical_bessel_j0", "mode",
         "scatter_reduce", "index_reduce"), _ABSENT,
    ),
    **dict.fromkeys(("igamma", "igammac", "zeta"), _RARE),
    **dict.fromkeys(
        ("grid_weights", "plane_weighted", "plane_weighted_scatter", "plane_weighted_dot"),
        "parts of grid sampling, which MindSpore has as one function only",
    ),
    **dict.fromkeys(
        ("sigmoid_backward", "tanh_backward", "relu_backward", "silu_backward", "gelu_backward", "softmax_backward",
         "log_softmax_backward", "layer_norm_backward"),
        "gradients on the device are composed of its kernels; these are the host's",
    ),
    "axis_map": "a sparse matrix along one dimension: MindSpore has pooling and interpolation as whole functions only",
    "copysign": "MindSpore takes the sign of -0.0 for positive",
    "ctc_loss": "MindSpore's function keeps its sums to itself, the gradient needs them",
    "ctc_loss_grad": "see `ctc_loss`",
    "logcumsumexp": "MindSpore's values are nan after numbers that are all -inf (seen on the CPU)",
    "nextafter": "MindSpore's values are wrong where an operand without dimensions is broadcast (seen on the CPU)",
    "signbit": "MindSpore takes the sign of -0.0 for positive",
}  # fmt: skip
