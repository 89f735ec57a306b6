"""The races of `bench/kernels_gpu.py`: attention, losses, and what is told of them."""
