"""The commands of `python -m benchmarks`, a module for each group of them; `add` registers a module's commands."""

PROG = "benchmarks"
