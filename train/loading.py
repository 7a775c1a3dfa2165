"""From a data root to the cells to train on, telling what was left out."""

from collections.abc import Sequence

from edge_runtime.dataset import Dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.progress import progress
from train.cells import Cells, check, find_groups, gather, open_training_data
from train.config import Settings
from train.folds import Split
from train.source import Tell


def load_cells(
    data: str, *, settings: Settings, groups: str | None, tell: Tell, split: Split | None = None
) -> tuple[Cells, str]:
    """The cells of a data root as the settings want them, and where their groups come from.

    Raises LeukoliteError for a split where no tower is blind to any fold.
    """
    if split and not settings.network.blind:
        raise LeukoliteError(
            expected="towers that are each blind to a fold, where there is a validation split",
            found="towers that learn from every source cell",
            remedy="leave --validation-split out, choose --preset blind, or judge the recipe by train crossval",
        )
    dataset = open_training_data(data)
    return cells_of(dataset, folds=settings.network.folds, settings=settings, groups=groups, tell=tell, split=split)


def cells_of(
    dataset: Dataset, *, folds: int, settings: Settings, groups: str | None, tell: Tell, split: Split | None = None
) -> tuple[Cells, str]:
    """As `load_cells`, of an opened data set, its groups dealt into `folds`, or as `split` has it."""
    _check_names(dataset.labels)
    for name in dataset.ignored:
        tell(f"{name}: ignored, its name does not end as an image's does")
    found, path = find_groups(dataset, groups)
    with progress("check", total=len(dataset.images)) as advance:
        images, shows, complaints = check(dataset.images, settings.network.view, advance=advance)
    for complaint in complaints:
        tell(f"left out: {complaint}")
    cells = gather(
        dataset,
        images,
        groups=found,
        folds=folds,
        per_class=settings.per_class,
        seed=settings.seed,
        shows=shows,
    )
    if split:
        cells = split.deal(cells, folds=folds, tell=tell)
    if cells.unseen:
        tell(f"{len(cells.unseen)} images show no stained cell: not trained on, and missed where they are held out")
    origin = path.name if path else "none, so that each image is taken for a cell of its own"
    counts = ", ".join(f"{label} {count}" for label, count in cells.sources().items())
    tell(f"{len(cells.images)} images; source cells: {counts} (groups: {origin})")
    return cells, origin


def _check_names(labels: Sequence[str]) -> None:
    """Refuse names of classes that a card or a file with one on each line cannot hold, hours before that is due."""
    unfit = [label for label in labels if not label.isprintable()]
    if unfit:
        raise LeukoliteError(
            expected="class folders whose names can be printed on one line, in UTF-8",
            found=show(unfit[0]),
            remedy="rename it",
        )
