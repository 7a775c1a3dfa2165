import numpy as np

from benchmarks.shifts import sensor
from edge_runtime.image import decode
from edge_runtime.sample import HEIGHT_PX, WIDTH_PX, sample_jpeg


def error(one, other):
    return float(np.abs(one.astype(int) - other).mean())


def test_noise_has_the_deviation_asked_for():
    pixels = np.full((200, 200, 3), 128, np.uint8)
    noisy = sensor.add_noise(pixels, deviation=10, random=np.random.default_rng(0))
    # Of 120,000 values the standard error is 0.02 of 10, and rounding adds 1/12 to the variance.
    assert abs(noisy.std() - 10) < 0.1
    assert abs(noisy.mean() - 128) < 0.1


def test_lower_quality_and_wider_pixels_lose_more():
    pixels = decode(sample_jpeg(), height_px=HEIGHT_PX, width_px=WIDTH_PX)
    assert error(sensor.compress(pixels, quality=80), pixels) < error(sensor.compress(pixels, quality=10), pixels)
    assert error(sensor.coarsen(pixels, times=2), pixels) < error(sensor.coarsen(pixels, times=6), pixels)
    assert (sensor.coarsen(pixels, times=1) == pixels).all()


def test_odd_sizes_stay():
    pixels = np.random.default_rng(0).integers(0, 256, (37, 53, 3)).astype(np.uint8)
    assert sensor.coarsen(pixels, times=100).shape == sensor.compress(pixels, quality=5).shape == (37, 53, 3)
