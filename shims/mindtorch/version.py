"""The level of PyTorch's API that this package follows."""

__version__ = "2.7.1"
cuda = None
hip = None
xpu = None
git_version = "mindtorch"
