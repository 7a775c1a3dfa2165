"""`leukolite gate`: read, judge, write every format that was asked for."""

import argparse

from edge_runtime.files import write_json
from edge_runtime.gate import terminal
from edge_runtime.gate.judgement import judge, read_latency_ms
from edge_runtime.gate.policy import load_policy
from edge_runtime.report import load_report


def run(args: argparse.Namespace) -> int:
    """Print and write the verdict; the exit status says it to a CI job."""
    policy = load_policy(args.policy)
    candidate, reference = (load_report(path, must_be_sealed=True) for path in (args.candidate, args.reference))
    latency_ms = read_latency_ms(args.latency, candidate=candidate) if args.latency else None
    verdict = judge(candidate, reference, policy=policy, latency_ms=latency_ms)
    if args.json:
        write_json(args.json, verdict.to_json())
    terminal.write(verdict)
    return verdict.status
