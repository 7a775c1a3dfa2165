"""`python -m tests.pi`: whether an emulated Raspberry Pi answers to the bit what this machine does."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.pi import debian, wheels
from benchmarks.pi.combinations import COMBINATIONS, Combination
from benchmarks.pi.device import Device, assemble, find_qemu, parsed
from benchmarks.pi.making import call
from edge_runtime.command import DONE, FAILED, Parser, run
from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError, listed
from edge_runtime.trial import combinations
from tests.pi import compare

CHECKOUT = Path(__file__).parents[2]
ANSWERS = Path(__file__).parent / "answers.py"
PORTABLE = CHECKOUT / "edge_runtime" / "models" / "portable" / "leukolite-int8.tflite"  # a SHA256SUMS lies beside it
PER_CLASS = 6


def main(argv: list[str] | None = None) -> int:
    """Parse and call."""
    parser = Parser(prog="test-pi", description=__doc__)
    parser.add_argument("--wheel", type=Path, required=True, help="what `make wheel` made")
    named = os.environ.get("LEUKOLITE_DATA") or None
    parser.add_argument("--data", type=Path, default=named, help="the real images (default: LEUKOLITE_DATA)")
    parser.add_argument("--out", type=Path, default=Path("build/pi"), help="what is kept for the next time")
    parser.set_defaults(call=_main)
    return run(parser, argv)


def _main(args: argparse.Namespace) -> int:
    """Make the devices, ask each, and print a line for each."""
    started = time.monotonic()
    qemu, pictures = find_qemu(), choose_pictures(args.data, per_class=PER_CLASS)
    request = json.dumps({"models": {"shipped": None, "portable": str(PORTABLE)}, "pictures": pictures})
    devices, expected = prepare(args.wheel, request, qemu=qemu, folder=args.out)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return report(pool.map(lambda device: examine(device, request, expected), devices), started=started)


def prepare(wheel: Path, request: str, *, qemu: str, folder: Path) -> tuple[list[Device], Any]:
    """Every device, below `folder`, and this machine's answers; all at once, as most of it waits for downloads."""
    with ThreadPoolExecutor() as pool:
        here = pool.submit(answers_here, wheel, request, folder=folder / "site")
        systems = {each.system for each in COMBINATIONS}
        sites = {(each.system, each.packages) for each in COMBINATIONS}
        roots = {each: pool.submit(debian.root, each, folder) for each in systems}
        made = {each: pool.submit(wheels.site, wheel, *each, folder / "site") for each in sites}
        devices = [
            assemble(
                each,
                system_root=roots[each.system].result(),
                site=made[each.system, each.packages].result(),
                qemu=qemu,
                folder=folder / "device" / each.name.replace(",", "").replace(" ", "-"),
            )
            for each in COMBINATIONS
        ]
        return devices, here.result()


def choose_pictures(data: Path | None, *, per_class: int) -> dict[str, str]:
    """Names and absolute paths of as many TEST images of each class, evenly over the sorted names."""
    if data is None:
        raise LeukoliteError(
            expected="the folder of the real images",
            found="no LEUKOLITE_DATA",
            remedy="set it to the Kaggle download paultimothymooney/blood-cells",
        )
    dataset = open_dataset(data.resolve(), split="TEST")
    chosen: dict[str, str] = {}
    for label in dataset.labels:
        images = sorted((image for image in dataset.images if image.label == label), key=lambda image: image.name)
        if len(images) < per_class:
            raise LeukoliteError(
                expected=f"{per_class} TEST images of {label}", found=str(len(images)), remedy="use the whole data set"
            )
        step = len(images) // per_class
        chosen |= {image.name: image.path for image in images[: step * per_class : step]}
    return chosen


def answers_here(wheel: Path, request: str, *, folder: Path) -> Any:
    """What answers.py prints on this machine, with the code of the same wheel."""
    site = wheels.unpacked(wheel, folder).resolve()
    command = [sys.executable, "-P", ANSWERS]
    return parsed(call(command, environment={"PYTHONPATH": str(site)}, stdin=request, remedy="run that to see more"))


def examine(device: Device, request: str, expected: Any) -> tuple[Combination, list[str], str]:
    """What is wrong with a device, and what it is and did in short."""
    try:
        found, row, diagnosis = device.run("-P", ANSWERS, stdin=request), device.trial(), device.doctor()
    except LeukoliteError as error:
        return device.combination, [str(error)], ""
    problems = [*compare.answers(expected, found), *compare.trial(row, combinations()), *compare.doctor(diagnosis)]
    versions = f"Python {row['python']}, LiteRT {row['ai-edge-litert']}, numpy {row['numpy']}, Pillow {row['pillow']}"
    return device.combination, problems, "" if problems else f"{versions}: {compare.summary(expected, found)}"


def report(results: Iterator[tuple[Combination, list[str], str]], *, started: float) -> int:
    """Print a line for each as they come, and how many are good; the exit status."""
    good, count = 0, 0
    for combination, problems, summary in results:
        count += 1
        good += not problems
        print(f"{'FAIL' if problems else 'ok':<4}  {combination.name}: {listed(problems) or summary}", flush=True)
    print(f"test-pi: {good} of {count} emulated devices answer as they should, in {time.monotonic() - started:.0f} s")
    return DONE if good == count > 0 else FAILED


if __name__ == "__main__":
    raise SystemExit(main())
