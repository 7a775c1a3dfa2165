"""The folder's conftest.py settles this process before its first operation, by what is tested here."""

import os

import pytest
import tensorflow as tf

from train.machine import use_cores


def test_an_operator_has_one_thread_and_operators_run_beside_each_other():
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    assert tf.config.threading.get_inter_op_parallelism_threads() == os.cpu_count()


def test_operators_that_cannot_be_repeated_are_refused():
    tf.random.set_seed(None)
    try:
        with pytest.raises(RuntimeError, match="determinism"):
            tf.random.uniform((3,))
    finally:
        tf.random.set_seed(0)


def test_settling_again_changes_nothing():
    use_cores()
    test_an_operator_has_one_thread_and_operators_run_beside_each_other()
