"""A fresh process that classifies one picture: `python -m benchmarks.cold MODEL IMAGE THREADS`.

Prints one line of JSON: the top label, and the peak of this process's memory as the kernel counts it.
"""

import json
import sys


def main(arguments: list[str]) -> None:
    """Classify, and say so."""
    from edge_runtime.classifier import Classifier
    from edge_runtime.memory import PROC, read_kb

    model, image, threads = arguments
    found = Classifier(model, num_threads=int(threads)).classify(image)
    if found.error is not None:
        raise SystemExit(found.error)
    peak_kb = read_kb(PROC / "self" / "status", "VmHWM")
    sys.stdout.write(json.dumps({"label": found.top_label, "peak_kb": peak_kb}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
