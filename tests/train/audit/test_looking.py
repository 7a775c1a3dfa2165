import hashlib

import cv2
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from edge_runtime.errors import LeukoliteError
from train.audit.looking import Picture, look, one_thread_each


def test_a_picture_is_read_once_and_described(write_copy):
    path = write_copy("a.png", 1)
    seen = look(str(path), keep=20)
    assert isinstance(seen, Picture)
    assert seen.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (seen.pixels.shape, len(seen.features)) == ((240, 320, 3), 20)
    assert (seen.thumbnail().shape, seen.thumbnail().dtype) == ((768,), np.uint8)


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_what_cannot_be_read_is_given_back_as_its_error(tmp_path, content):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    assert isinstance(look(str(path), keep=50), LeukoliteError)


def test_calls_stay_on_their_thread_for_a_while():
    before = cv2.getNumThreads()
    with one_thread_each():
        assert cv2.getNumThreads() == 1
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    assert cv2.getNumThreads() == before
