"""Benchmarks: ratios against the tools that users would take instead, measured in the same minutes."""
