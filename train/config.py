"""What a training run can be told, with the defaults of the shipped recipe (docs/recipe.md says how it was chosen)."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NetworkSettings:
    """The shape of the network: `towers` small plain CNNs beside each other, their logits averaged.

    Each width is a 3 x 3 convolution; the first has stride 2, those between are followed by 2 x 2 max-pooling.
    """

    image_height_px: int = 120
    image_width_px: int = 160
    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    towers: int = 5
    dropout: float = 0.3


@dataclass(frozen=True)
class StageSettings:
    """How one stage is optimised: AdamW with a cosine-decayed learning rate and averaged weights."""

    epochs: int
    learning_rate: float
    batch_size: int = 32
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    averaging_decay: float = 0.995


@dataclass(frozen=True)
class Settings:
    """A whole run. `per_class` limits TRAIN to that many images a class, spread over its sources; 0 is all."""

    network: NetworkSettings = field(default_factory=NetworkSettings)
    float_stage: StageSettings = field(default_factory=lambda: StageSettings(epochs=8, learning_rate=2e-3))
    qat_stage: StageSettings = field(default_factory=lambda: StageSettings(epochs=2, learning_rate=1e-4))
    per_class: int = 0
    seed: int = 1


PRESETS = {
    "full": Settings(),
    # A rehearsal of every stage on a balanced sample of real images; too short for a good model.
    "quick": Settings(
        network=NetworkSettings(towers=2),
        float_stage=StageSettings(epochs=4, learning_rate=2e-3, averaging_decay=0.98),
        qat_stage=StageSettings(epochs=1, learning_rate=1e-4, averaging_decay=0.98),
        per_class=500,
    ),
}
