"""What a training run can be told, and the recipes by name (docs/recipe.md says how they were chosen)."""

from dataclasses import dataclass, field, replace

from edge_runtime.errors import LeukoliteError
from edge_runtime.view import CELL, MAX_ZOOM, MIN_ZOOM, View

IMAGE, SOURCE = "image", "source"
SAMPLINGS = (IMAGE, SOURCE)


@dataclass(frozen=True)
class NetworkSettings:
    """The shape of the network: `towers` small plain CNNs beside each other, their logits averaged.

    Each width is a 3 x 3 convolution; the first `strided` of them have stride 2, the others but the last are followed
    by 2 x 2 max-pooling. Pictures are fitted into `image_height_px` x `image_width_px`. The network sees all of that,
    or, where `crop_px` is not 0, a square of so many pixels around the main cell, each 1 / `zoom` of the field's; with
    `white_balance` without the colour of the light, with `stain_normalization` without the field's own stain too.

    Squares of `space_to_depth` pixels a side are one position with all their channels to the first convolution; 1
    leaves pixels as they are.

    With `blind`, each tower learns from all source cells but one part of them, and answers for that part as an honest
    judge. Without, all learn from everything, and nothing is held out: `python -m train crossval` judges the recipe.
    """

    image_height_px: int = 120
    image_width_px: int = 160
    crop_px: int = 0
    widths: tuple[int, ...] = (16, 32, 64, 80, 128)
    strided: int = 2
    space_to_depth: int = 1
    towers: int = 5
    dropout: float = 0.3
    white_balance: bool = False
    zoom: float = 1.0
    stain_normalization: bool = False
    blind: bool = True

    def __post_init__(self) -> None:
        """Raise LeukoliteError for a value out of its range."""
        _check("image_height_px", self.image_height_px, 1, 4096)
        _check("image_width_px", self.image_width_px, 1, 4096)
        _check("crop_px", self.crop_px, 0, 4096)
        _check("zoom", self.zoom, MIN_ZOOM, MAX_ZOOM)
        _check("towers", self.towers, 2 if self.blind else 1, 100)  # one alone can be blind to nothing
        _check("dropout", self.dropout, 0, 0.99)
        _check("the number of widths", len(self.widths), 1, 20)
        for width in self.widths:
            _check("each of widths", width, 1, 4096)
        _check("strided", self.strided, 1, len(self.widths))
        _check("space_to_depth", self.space_to_depth, 1, 16)
        seen = self.view
        if seen.height_px % self.space_to_depth or seen.width_px % self.space_to_depth:
            raise LeukoliteError(
                expected=f"images whose sides are multiples of space_to_depth, {self.space_to_depth}",
                found=f"{seen.width_px} x {seen.height_px}",
                remedy="choose another of them",
            )
        pooled = self.space_to_depth * 2 ** (self.strided + max(0, len(self.widths) - 1 - self.strided))
        if min(seen.height_px, seen.width_px) < pooled:
            raise LeukoliteError(
                expected=f"images of at least {pooled} x {pooled} px, which {len(self.widths)} widths halve to one",
                found=f"{seen.width_px} x {seen.height_px}",
                remedy="choose fewer widths or larger images",
            )

    @property
    def view(self) -> View:
        """What of a picture the network sees."""
        height, width = self.image_height_px, self.image_width_px
        colors = {"white_balance": self.white_balance, "stain_normalization": self.stain_normalization}
        if not self.crop_px:
            return View.whole(height_px=height, width_px=width, **colors)
        return View(CELL, self.crop_px, self.crop_px, height, width, zoom=self.zoom, **colors)

    @property
    def folds(self) -> int:
        """How many parts the source cells are dealt into: one for each blind tower, or all together."""
        return self.towers if self.blind else 1


@dataclass(frozen=True)
class StageSettings:
    """How one stage is optimised: AdamW with a cosine-decayed learning rate and averaged weights.

    `class_prior` is how often the log of each class's share of the sources is taken out of the finished network's
    logits; None chooses it on the run's own held-out images.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 32
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    averaging_decay: float = 0.995
    class_prior: float | None = None

    def __post_init__(self) -> None:
        """Raise LeukoliteError for a value out of its range."""
        _check("epochs", self.epochs, 1, 100_000)
        _check("learning_rate", self.learning_rate, 1e-9, 10)
        _check("batch_size", self.batch_size, 1, 100_000)
        _check("weight_decay", self.weight_decay, 0, 10)
        _check("label_smoothing", self.label_smoothing, 0, 0.99)
        _check("averaging_decay", self.averaging_decay, 0, 0.999999)
        _check("class_prior", 0 if self.class_prior is None else self.class_prior, 0, 100)


@dataclass(frozen=True)
class Augmentation:
    """How strongly the pictures that are learned from are changed, each anew whenever it is shown; 0 is not at all.

    train/augment.py does it, and has the formulas. `stain` is how far the densities of the three channels are scaled
    and mixed, `light` and `exposure` are powers of e for the brightness of one channel and of all, the latter for the
    contrast too. `focus_px` is the largest standard deviation of the blur, in pixels of what the network sees. `scale`
    is how much larger or smaller a picture may be shown, `rotation_deg` how far it is turned to either side. With
    `flips`, each axis is mirrored half of the times.
    """

    stain: float = 0.0
    light: float = 0.0
    exposure: float = 0.0
    focus_px: float = 0.0
    scale: float = 0.0
    rotation_deg: float = 0.0
    flips: bool = False

    def __post_init__(self) -> None:
        """Raise LeukoliteError for a value out of its range."""
        for name, most in (("stain", 1), ("light", 1), ("exposure", 1), ("focus_px", 5), ("scale", 0.5)):
            _check(name, getattr(self, name), 0, most)
        _check("rotation_deg", self.rotation_deg, 0, 180)


@dataclass(frozen=True)
class Distillation:
    """How much of both stages' loss is agreement with teachers, 0 to 1; the rest is agreement with the labels.

    Both sides are compared after their logits were divided by `temperature` (train/lesson.py). Where no teachers are
    named, a network of the preset `teacher` is trained for it first, of the same images and seed; "" trains none.
    """

    teachers_weight: float = 0.0
    temperature: float = 2.0
    teacher: str = ""

    def __post_init__(self) -> None:
        """Raise LeukoliteError for a value out of its range."""
        _check("teachers_weight", self.teachers_weight, 0, 1)
        _check("temperature", self.temperature, 0.1, 100)

    def check_workers(self, workers: int) -> None:
        """Raise LeukoliteError where teachers are to be asked and several workers train: one alone would hear them."""
        if self.teachers_weight and workers > 1:
            raise LeukoliteError(
                expected="training on one machine, where there are teachers",
                found=f"{workers} workers",
                remedy="leave out --strategy multiworker, or --teachers, and choose a preset without one, as blind",
            )


@dataclass(frozen=True)
class Settings:
    """A whole run. `per_class` limits TRAIN to that many images a class, spread over its sources; 0 is all.

    `sampling` is what comes equally often in an epoch: each image, or (SOURCE) each source cell of a class.
    """

    network: NetworkSettings = field(default_factory=NetworkSettings)
    float_stage: StageSettings = field(default_factory=lambda: StageSettings(epochs=8, learning_rate=2e-3))
    qat_stage: StageSettings = field(default_factory=lambda: StageSettings(epochs=1, learning_rate=1e-5))
    per_class: int = 0
    seed: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)
    sampling: str = IMAGE
    distillation: Distillation = field(default_factory=Distillation)

    def __post_init__(self) -> None:
        """Raise LeukoliteError for a value out of its range."""
        _check("per_class", self.per_class, 0, 10_000_000)
        _check("seed", self.seed, 0, 2**32 - 1)  # numpy's own range
        if self.sampling not in SAMPLINGS:
            raise LeukoliteError(
                expected=f"sampling by {' or '.join(SAMPLINGS)}", found=str(self.sampling), remedy="choose one of them"
            )
        if not self.network.blind and None in (self.float_stage.class_prior, self.qat_stage.class_prior):
            raise LeukoliteError(
                expected="a strength of the class prior",
                found="that it be chosen by held-out cells, where no tower is blind to any",
                remedy="give --class-prior and --qat-class-prior a number, or choose --preset blind",
            )
        if self.network.blind and self.distillation.teachers_weight:
            raise LeukoliteError(
                expected="towers that are blind to nothing, where there are teachers",
                found="blind ones, which would be judged by cells that their teachers learned from",
                remedy="choose --preset blind for them, without --teachers, or give --no-blind",
            )


def _check(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value outside low to high; NaN is outside."""
    if not low <= value <= high:
        raise LeukoliteError(
            expected=f"{name} from {low:,} to {high:,}", found=str(value), remedy="choose one in that range"
        )


# A crop around the main cell, the colour of the light taken out of it: better on cells it never saw, with a third of
# the weights. One tower learns from every source cell: how good that is, `python -m train crossval`
# says (docs/recipe.md, and why it is not shipped).
_CELL = Settings(
    network=NetworkSettings(
        image_height_px=240,
        image_width_px=320,
        crop_px=96,
        zoom=0.75,
        widths=(24, 48, 72, 96),
        strided=2,
        towers=1,
        white_balance=True,
        blind=False,
    ),
    float_stage=StageSettings(epochs=8, learning_rate=2e-3, weight_decay=0.05, class_prior=1.0),
    qat_stage=StageSettings(epochs=1, learning_rate=1e-5, batch_size=16, class_prior=1.0),
)

# The whole field by two towers, which learn from every source cell, and from a network of the cell view what that
# sees in them: what is shipped. Its prior is what its cross-validation on TRAIN asks for (docs/recipe.md#taught).
_FULL = Settings(
    network=NetworkSettings(towers=2, blind=False),
    float_stage=StageSettings(epochs=8, learning_rate=2e-3, class_prior=2.0),
    # Fake quantisation keeps twice as much of each image for the gradient; half a batch stays below 1.5 GB. At so
    # low a rate the network stays as sure of itself as it was, and so the prior (docs/training.md).
    qat_stage=StageSettings(epochs=1, learning_rate=1e-5, batch_size=16, class_prior=2.0),
    distillation=Distillation(teachers_weight=0.5, teacher="cell"),
)

PRESETS = {
    "full": _FULL,
    "cell": _CELL,
    # The same for other microscopes: all fields get the same stain, and other stain, light, focus and size are
    # practised, for twice as long. Worse on cells from the microscope that it learned on, far better under shifts
    # (docs/shifts.md); its widths fill the processor's vectors, three strides instead of pooling (docs/roofline.md).
    "portable": replace(
        _CELL,
        network=replace(_CELL.network, widths=(16, 48, 80, 128), strided=3, stain_normalization=True),
        float_stage=replace(_CELL.float_stage, epochs=16),
        augmentation=Augmentation(stain=0.3, light=0.1, exposure=0.2, focus_px=1.0, scale=0.2, rotation_deg=15.0),
    ),
    # The whole field by five towers, each blind to a fifth of the source cells, so that every run has held-out figures
    # of its own: what was shipped before, and the way to judge a shape of the field view by one run. Its prior is that
    # of `python -m train strength` on the runs of seeds 1 to 3: one run's is noisy.
    "blind": replace(
        _FULL,
        network=NetworkSettings(),
        float_stage=replace(_FULL.float_stage, class_prior=2.2),
        qat_stage=replace(_FULL.qat_stage, class_prior=2.2),
        distillation=Distillation(),
    ),
    # A rehearsal of every stage on a balanced sample of real images; too short for a good model.
    "quick": Settings(
        network=NetworkSettings(towers=2),
        float_stage=StageSettings(epochs=4, learning_rate=2e-3, averaging_decay=0.98),
        qat_stage=StageSettings(epochs=1, learning_rate=1e-5, averaging_decay=0.98),
        per_class=500,
    ),
}
