"""Every distribution of PyTorch's CPU generator in one namespace; see the modules for each."""

from .continuous import cauchy, exponential, log_normal, normal, rand, randn, uniform
from .discrete import bernoulli, bernoulli_tensor, geometric, poisson
from .integers import randint, random, randperm
from .sampling import dropout_mask, dropout_noise, multinomial

__all__ = [
    "bernoulli",
    "bernoulli_tensor",
    "cauchy",
    "dropout_mask",
    "dropout_noise",
    "exponential",
    "geometric",
    "log_normal",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "randint",
    "randn",
    "random",
    "randperm",
    "uniform",
]
