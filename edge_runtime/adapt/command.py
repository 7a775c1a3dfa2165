"""`leukolite adapt`: look at the labelled cells, fit, say what that brings, and write the bundle if it helps."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_runtime.adapt.adaptation import Adaptation, adapt
from edge_runtime.adapt.bundle import rebundle
from edge_runtime.adapt.embedding import Embedder
from edge_runtime.adapt.refit import ROUNDS
from edge_runtime.adapt.sample import take
from edge_runtime.bundle import Bundle
from edge_runtime.classifier import MODELS, SHIPPED_MODEL, Classifier
from edge_runtime.command import DONE, FAILED, complain, note, noted, reader_may_go
from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.evaluation import describe_data, describe_model
from edge_runtime.files import sha256, write_atomic, write_json
from edge_runtime.groups import read_groups
from edge_runtime.integrity import list_sum, unlist_sum
from edge_runtime.native import hushed
from edge_runtime.options import PROG
from edge_runtime.progress import progress
from edge_runtime.provenance import RUNTIME_PACKAGES, collect
from edge_runtime.report import summary
from edge_runtime.rewrite import with_head
from edge_runtime.terminal import BOLD, GREEN, RED, Look, columns_of, look_of, pad


def run(args: argparse.Namespace) -> int:
    """Adapt, print and write; status 1 where it does not help, or a picture could not be used."""
    path = SHIPPED_MODEL if args.model is None else Path(args.model)
    check_output(Path(args.output), path)
    with noted(PROG), hushed():
        classifier = Classifier(path).load()
        embedder = Embedder(classifier.bundle.content, classifier.card, name=show(path))
    dataset, started = open_dataset(args.data, split=args.split), time.time()
    groups = read_groups(args.groups) if args.groups else None
    with progress("adapt", total=len(dataset.images)) as advance:
        sample = take(dataset, embedder, labels=classifier.card.labels, groups=groups, advance=advance)
    for line in sample.unusable:
        complain(PROG, line)
    for line in sample.warnings:
        note(PROG, f"warning: {line}")
    with progress("fit", total=ROUNDS + 1 if embedder.convolutions else 1) as advance:
        found = adapt(
            sample,
            embedder.head,
            convolutions=embedder.convolutions,
            labels=classifier.card.labels,
            model=describe_model(classifier),
            data=describe_data(dataset),
            provenance=collect(packages=RUNTIME_PACKAGES, started=started),
            advance=advance,
        )
    with reader_may_go():
        sys.stdout.writelines(table(found, look_of(sys.stdout)))
    if args.report:
        write_json(args.report, found.to_json())
    if not found.helps:
        complain(PROG, refusal(found, args.output))
        return FAILED
    if found.difference.ci95[0] <= 0:
        note(PROG, "warning: that may be chance, as the interval of the difference holds 0; label more cells")
    content = make(found, classifier.bundle, name=show(path))
    write(content, Path(args.output))
    return FAILED if sample.unusable else DONE


def check_output(output: Path, model: Path) -> None:
    """Raise LeukoliteError where writing `output` would overwrite a bundle that is to stay, or cannot succeed."""
    place = output.resolve()
    parent = next(each for each in place.parents if each.exists())
    if place == model.resolve() or MODELS.resolve() in place.parents:
        found = "the bundle that is adapted" if place == model.resolve() else "the folder of the shipped bundles"
    elif place.exists() and not place.is_file():
        found = "a folder, pipe or device"
    elif not parent.is_dir() or not os.access(parent, os.W_OK):
        found = f"{show(parent)}, which cannot be written to"
    else:
        return
    raise LeukoliteError(
        expected=f"a file of its own for the adapted bundle, not {show(output)}",
        found=found,
        remedy="name another -o",
    )


def make(found: Adaptation, base: Bundle, *, name: str) -> bytes:
    """The adapted bundle.

    Raises LeukoliteError when its network cannot take the head, or told the cells worse with it, as it is stored, than
    without: those that it was fitted to, so that only a fault in the rewriting can be the cause.
    """
    model = with_head(base.content, found.head, features=found.features, convolutions=found.convolutions, name=name)
    content = rebundle(
        model,
        base.card,
        adapted={"base_sha256": base.digest, **found.summary()},
        accuracy={"left_out": f"1/{ROUNDS} at a time", **summary(found.after)},
        refusing=not found.sample.refused,
    )
    embedder = Embedder(content, base.card, name=name)
    answers = np.array([embedder.embed(image.path).probabilities.argmax() for image in found.sample.images])
    classes = found.sample.classes
    rights = [float((answers[classes == label] == label).mean()) for label in range(len(found.cells))]
    if float(np.mean(rights)) < balanced(found)[0]:
        raise LeukoliteError(
            expected=f"an adapted bundle that tells its own cells at least as well as {name}",
            found=f"balanced accuracy {np.mean(rights):.3f} after {balanced(found)[0]:.3f}",
            remedy="use the bundle as it is, and report this with the pictures",
        )
    return content


def write(content: bytes, output: Path) -> None:
    """Write a bundle, and its digest into the SHA256SUMS beside it."""
    unlist_sum(output)  # of what is about to be replaced: at no time is a file there that its sum denies
    write_atomic(output, [content])
    list_sum(output, sha256(content))


def table(found: Adaptation, look: Look) -> Iterator[str]:
    """A row a class: cells, sensitivity before and after; below it both balanced accuracies."""
    labels = [look.printable(label) for label in found.cells]
    wide = max(map(columns_of, ("LABEL", "balanced", *labels)))
    yield look.paint(f"{pad('LABEL', wide)}  CELLS  BEFORE   AFTER", BOLD) + "\n"
    rates = [[report.per_class[label].tpr or 0.0 for report in (found.before, found.after)] for label in found.cells]
    for label, count, (before, after) in zip(labels, found.cells.values(), rates, strict=True):
        style = GREEN if after > before else RED if after < before else ""
        yield f"{pad(label, wide)}  {count:>5}  {before:>6.3f}  {look.paint(f'{after:>6.3f}', style)}\n"
    before, after = balanced(found)
    low, high = found.difference.ci95
    yield f"{pad('balanced', wide)}  {sum(found.cells.values()):>5}  {before:>6.3f}  {after:>6.3f}\n"
    yield f"each cell left out once; difference {found.difference.value:+.3f} (95 % {low:+.3f} to {high:+.3f})\n"


def balanced(found: Adaptation) -> tuple[float, float]:
    """Balanced accuracy before and after."""
    return found.before.balanced_accuracy or 0.0, found.after.balanced_accuracy or 0.0


def refusal(found: Adaptation, output: str) -> str:
    """Why nothing is written."""
    before, after = balanced(found)
    return (
        f"expected cells that were left out to be told better than by the bundle as it is, got balanced accuracy "
        f"{after:.3f} after {before:.3f}; {show(output)} is not written, use the bundle as it is or label more cells"
    )
