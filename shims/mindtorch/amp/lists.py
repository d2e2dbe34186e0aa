"""Which operators autocast runs in the lower precision, in float32, or in the widest type of their operands.

The lists are those of PyTorch's "Automatic Mixed Precision" notes, by operator and device. An operator in no list runs
in the type of its operands.
"""

from __future__ import annotations

LOWER: dict[str, frozenset[str]] = {}
"""Run in the autocast dtype."""
FLOAT32: dict[str, frozenset[str]] = {}
"""Run in float32."""
FLOAT32_RESULT: dict[str, frozenset[str]] = {}
"""Accumulate into float32: ``dtype=torch.float32`` is given unless the caller gives one."""
WIDEST: dict[str, frozenset[str]] = {}
"""Run in float32 if any operand is float32, else in the autocast dtype."""
REFUSED: dict[str, frozenset[str]] = {}
"""Raise: float16 overflows there."""

_PRODUCTS = (
    "addbmm addmm baddbmm bmm conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d linear "
    "matmul mm prelu scaled_dot_product_attention linalg.vecdot"
)
LOWER["cpu"] = frozenset(_PRODUCTS.split())
LOWER["cuda"] = frozenset((_PRODUCTS + " addmv addr chain_matmul linalg.multi_dot mv").split())

_LOSSES = (
    "binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy hinge_embedding_loss huber_loss kl_div "
    "l1_loss margin_ranking_loss mse_loss multi_margin_loss multilabel_margin_loss nll_loss poisson_nll_loss "
    "smooth_l1_loss soft_margin_loss triplet_margin_loss"
)
FLOAT32["cpu"] = frozenset((
    _LOSSES + " avg_pool3d binary_cross_entropy grid_sample polar prod quantile nanquantile stft cdist trace "
    "view_as_complex cholesky cholesky_inverse cholesky_solve inverse lu_solve orgqr ormqr pinverse max_pool3d "
    "max_unpool2d max_unpool3d adaptive_avg_pool3d ctc_loss "
    "fft.fft fft.ifft fft.fft2 fft.ifft2 fft.fftn fft.ifftn fft.rfft fft.irfft fft.rfft2 fft.irfft2 fft.rfftn "
    "fft.irfftn fft.hfft fft.ihfft linalg.cond linalg.matrix_rank linalg.solve linalg.cholesky linalg.svdvals "
    "linalg.eigvals linalg.eigvalsh linalg.inv linalg.householder_product linalg.tensorinv linalg.tensorsolve "
    "linalg.qr linalg.cholesky_ex linalg.svd linalg.eig linalg.eigh linalg.lstsq linalg.inv_ex"
).split())  # fmt: skip
FLOAT32["cuda"] = frozenset((
    _LOSSES + " pow rpow acos asin cosh cdist cosine_similarity dist erfinv exp expm1 group_norm layer_norm rms_norm "
    "log log10 log1p log2 logsumexp norm normalize pdist reciprocal renorm rsqrt sinh softplus tan"
).split()) - {"huber_loss", "normalize", "rms_norm"}  # fmt: skip
FLOAT32_RESULT["cpu"] = frozenset()
FLOAT32_RESULT["cuda"] = frozenset({"cumprod", "cumsum", "log_softmax", "prod", "softmax", "softmin", "sum"})
WIDEST["cpu"] = frozenset({"cat", "stack", "index_copy"})
WIDEST["cuda"] = frozenset({
    "addcdiv", "addcmul", "atan2", "bilinear", "cat", "cross", "dot", "grid_sample", "index_put", "scatter_add",
    "stack", "tensordot", "vdot",
})  # fmt: skip
REFUSED["cpu"] = frozenset()
REFUSED["cuda"] = frozenset({"binary_cross_entropy"})
