"""Kernels compiled for a Hopper by Triton's own compiler, which needs none."""
