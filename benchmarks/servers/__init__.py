"""Parts of benchmarks/servers.py."""
