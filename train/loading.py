"""From a data root to the cells to train on, telling what was left out."""

from edge_runtime.dataset import Dataset
from edge_runtime.progress import progress
from train.cells import Cells, check, find_groups, gather, open_training_data
from train.config import Settings
from train.folds import Split
from train.source import Tell


def load_cells(
    data: str, *, settings: Settings, groups: str | None, tell: Tell, split: Split | None = None
) -> tuple[Cells, str]:
    """The cells of a data root as the settings want them, and where their groups come from."""
    dataset = open_training_data(data)
    return cells_of(dataset, folds=settings.network.folds, settings=settings, groups=groups, tell=tell, split=split)


def cells_of(
    dataset: Dataset, *, folds: int, settings: Settings, groups: str | None, tell: Tell, split: Split | None = None
) -> tuple[Cells, str]:
    """As `load_cells`, of an opened data set, its groups dealt into `folds`, or as `split` has it."""
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
