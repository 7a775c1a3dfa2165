"""`leukolite gate`: read, judge, write every format that was asked for."""

import argparse
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_runtime.command import reader_may_go
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import write_atomic, write_json
from edge_runtime.gate import terminal
from edge_runtime.gate.judgement import judge, read_latency_ms
from edge_runtime.gate.policy import load_policy
from edge_runtime.gate.verdict import Verdict
from edge_runtime.report import EvalReport, load_report

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"  # names the file that GitHub shows below a job


def run(args: argparse.Namespace) -> int:
    """Print and write the verdict; the exit status says it to a CI job."""
    policy = load_policy(args.policy)
    candidate, reference = (load_report(path, must_be_sealed=True) for path in (args.candidate, args.reference))
    latency_ms = read_latency_ms(args.latency, candidate=candidate) if args.latency else None
    verdict = judge(candidate, reference, policy=policy, latency_ms=latency_ms)
    _write(args, verdict, candidate, reference)
    with reader_may_go():  # a CI job may look at the first lines alone, and at the status
        terminal.write(verdict)
    return verdict.status


def describe(args: argparse.Namespace, candidate: EvalReport, reference: EvalReport) -> dict[str, Any]:
    """What was judged, by what and when, for a reader who has the verdict alone."""
    return {
        "candidate": _model(candidate),
        "reference": _model(reference),
        "data": f"{candidate.data.get('split') or candidate.data.get('root')}, {candidate.n:,} images, "
        f"SHA-256 {str(candidate.data['sha256'])[:12]}",
        "policy": args.policy or "leukolite's own",
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _model(report: EvalReport) -> str:
    """A model's file, kind and digest."""
    model = report.model
    return f"{model.get('file')} ({model.get('variant')}), SHA-256 {str(model['sha256'])[:12]}"


def _write(args: argparse.Namespace, verdict: Verdict, candidate: EvalReport, reference: EvalReport) -> None:
    """Write the formats that were asked for, and the job's summary where there is one."""
    about = describe(args, candidate, reference)
    if args.json:
        write_json(args.json, verdict.to_json())
    if args.junit:
        from edge_runtime.gate.junit import to_junit

        write_atomic(args.junit, [to_junit(verdict, about=about)])
    _write_summaries(args.markdown, verdict, about)
    if args.html:
        from edge_runtime.gate.changes import find_images
        from edge_runtime.gate.page import to_html

        images = find_images(args.data, candidate) if args.data else None
        write_atomic(args.html, [to_html(verdict, candidate, reference, about=about, images=images)])


def _write_summaries(path: str | None, verdict: Verdict, about: Mapping[str, Any]) -> None:
    """Markdown into the file that was named, and below what other steps left in the job's summary."""
    summary = os.environ.get(SUMMARY_VARIABLE)
    if not path and not summary:
        return
    from edge_runtime.gate.summary import to_markdown

    text = to_markdown(verdict, about=about).encode("utf-8", "backslashreplace")
    if path:
        write_atomic(path, [text])
    if summary:
        try:
            with Path(summary).open("ab") as stream:
                stream.write(text)
        except OSError as error:
            raise LeukoliteError(
                expected=f"to be able to add to {SUMMARY_VARIABLE}, {show(summary)}",
                found=reason(error),
                remedy="unset it, or name a file that you may write to",
            ) from error
