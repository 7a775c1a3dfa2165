"""What conversion writes, and under which names."""

from dataclasses import dataclass

# In the order of the table; all but the last are of the float run.
BUNDLE_NAMES = {
    "float32": "leukolite-float32.tflite",
    "float16": "leukolite-float16.tflite",
    "dynamic": "leukolite-dynamic.tflite",
    "int8_ptq": "leukolite-int8-ptq.tflite",
    "int8_qat": "leukolite-int8.tflite",
}
BASE = "float32"  # what the others are compared with
SUMS_NAME = "SHA256SUMS"
SIGNATURE_NAME = "model.sig"
CALIBRATION_NAME = "calibration.json"
TABLE_NAME = "variants"  # .json and .md

OLDEST_RUNTIME = "ai-edge-litert 2.1.0"
LICENCE = "MIT"

ABSTAIN_BELOW = 0.0  # without `--confidence` a model always answers
TEMPERATURE = 1.0  # and nothing divides its logits


@dataclass(frozen=True)
class Settings:
    """What to measure a bundle on for the figures in its card, and how many images of TRAIN a class calibrate int8.

    `confidence` is the file of `python -m train confidence` with the temperature and the threshold; with
    `confidence_if_same`, one of another network or other images is passed over.
    `red_cell_px` goes into the card of a cell view as it is: the diameter of the red cells that it was trained with.
    """

    data: str
    split: str = "TEST"
    groups: str | None = None
    calibration_per_class: int = 50
    calibration_seed: int = 1
    confidence: str | None = None
    confidence_if_same: bool = False
    red_cell_px: float = 0.0
