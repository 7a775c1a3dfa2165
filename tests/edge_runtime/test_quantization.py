import numpy as np
import pytest

from edge_runtime.quantization import Quantization


@pytest.mark.parametrize(
    ("dtype", "zero_point", "real", "stored"),
    [
        (np.int8, 0, 0.0, 0),
        (np.int8, 0, 12.6, 126),
        (np.int8, 0, 12.8, 127),  # saturates: a plain cast would wrap round to -128
        (np.int8, 0, -12.8, -128),
        (np.int8, 0, -1e9, -128),
        (np.int8, -128, 25.5, 127),
        (np.int8, -128, 1e9, 127),
        (np.uint8, 0, -0.1, 0),
        (np.uint8, 0, 25.5, 255),
        (np.uint8, 0, 25.6, 255),
        (np.uint8, 128, -12.8, 0),
        (np.uint8, 128, 12.7, 255),
        (np.int8, 0, 0.26, 3),  # rounds: a plain cast would give 2
        (np.int8, 0, -0.26, -3),
    ],
)
def test_quantize_rounds_clips_and_casts(dtype, zero_point, real, stored):
    result = Quantization(np.dtype(dtype), 0.1, zero_point).quantize(real)
    assert result.dtype == dtype
    assert result == stored


@pytest.mark.parametrize(("dtype", "zero_point"), [(np.int8, -128), (np.int8, 3), (np.uint8, 0), (np.uint8, 200)])
def test_every_stored_value_survives_the_round_trip(dtype, zero_point):
    limits = np.iinfo(dtype)
    every = np.arange(limits.min, limits.max + 1).astype(dtype)
    quantization = Quantization(np.dtype(dtype), 0.0039, zero_point)
    assert np.array_equal(quantization.quantize(quantization.dequantize(every)), every)


def test_real_values_come_back_within_half_a_step():
    quantization = Quantization(np.dtype(np.int8), 1 / 256, -128)
    real = np.random.default_rng(0).uniform(0, 255 / 256, (5, 7))
    back = quantization.dequantize(quantization.quantize(real))
    assert back.shape == real.shape
    # Rounding moves a value by half a step at most; float32 adds a relative error of 6e-8.
    assert np.abs(back - real).max() <= 0.5 / 256 + 1e-7


def test_scale_zero_passes_values_through():
    quantization = Quantization(np.dtype(np.float32), 0.0, 0)
    values = np.array([-1.5, 0.25, 3e8], np.float32)
    assert np.array_equal(quantization.quantize(values), values)
    assert np.array_equal(quantization.dequantize(values), values)


def test_dequantize_follows_the_formula():
    quantization = Quantization(np.dtype(np.uint8), 0.5, 10)
    assert quantization.dequantize(np.array([0, 10, 255], np.uint8)).tolist() == [-5.0, 0.0, 122.5]


def test_is_read_from_an_interpreters_details():
    tensor = {"dtype": np.uint8, "quantization": (0.25, np.int32(7))}
    assert Quantization.of(tensor) == Quantization(np.dtype(np.uint8), 0.25, 7)
