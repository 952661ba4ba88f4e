"""The workloads of ``benchmarks/speed.py``."""
