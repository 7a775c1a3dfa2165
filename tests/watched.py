"""Classify the files named on standard input, watched: `python -m tests.watched MODEL [--without-simplejpeg]`.

For each there is a line of JSON on standard output: path, label, confidence, error, and by how many kB the memory grew
at most meanwhile. One that takes longer than CPU_S of processor time ends the process, also where native code does not
return.
"""

import json
import resource
import sys
import warnings
from pathlib import Path

from edge_runtime.classifier import Classifier
from edge_runtime.memory import PROC, read_kb

CPU_S = 5  # of processor time, not of the clock: other programs may be running


def main(model: str, *options: str) -> None:
    """Classify what is named, one at a time."""
    warnings.simplefilter("ignore")
    if "--without-simplejpeg" in options:
        sys.modules["simplejpeg"] = None  # type: ignore[assignment]  # as Python marks what cannot be imported
    classifier = Classifier(model).load()
    for line in sys.stdin:
        path, before = line.rstrip("\n"), _fresh_peak_kb()
        _limit_cpu()
        prediction = classifier.classify(path)
        grown = (read_kb(PROC / "self" / "status", "VmHWM") or 0) - before
        answer = {name: getattr(prediction, name) for name in ("path", "label", "confidence", "error")}
        print(json.dumps({**answer, "grown_kb": grown}), flush=True)


def _fresh_peak_kb() -> int:
    """What the process holds now, in kB, from where the kernel's peak begins anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return read_kb(PROC / "self" / "status", "VmRSS") or 0


def _limit_cpu() -> None:
    """Let this process live for CPU_S more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_S + 1, hard))


if __name__ == "__main__":
    main(*sys.argv[1:])
