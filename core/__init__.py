"""Perturbscope's library: Perturb-seq screens in, tables and figures out; needs no browser."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("perturbscope")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0.1.0"
