"""What conversion writes, and under which names."""

from dataclasses import dataclass

BUNDLE_NAMES = {"float32": "leukolite-float32.tflite", "int8_qat": "leukolite-int8.tflite"}
SUMS_NAME = "SHA256SUMS"

OLDEST_RUNTIME = "ai-edge-litert 2.1.0"
LICENCE = "MIT"

ABSTAIN_BELOW = 0.0  # the shipped models always answer
TEMPERATURE = 1.0  # nothing divides their logits


@dataclass(frozen=True)
class Settings:
    """What to measure a bundle on for the figures in its card."""

    data: str
    split: str = "TEST"
    groups: str | None = None
