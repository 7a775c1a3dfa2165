"""Measure what the other stages made, and tell it: latency suites, tables over seeds, and the report.

Everything here reads files that other commands left and imports `edge_runtime` only; nothing trains or converts.
"""
