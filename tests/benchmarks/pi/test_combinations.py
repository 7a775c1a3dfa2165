import re

from benchmarks.pi.combinations import CAMERA, COMBINATIONS
from benchmarks.pi.wheels import platforms


def test_both_boards_and_both_systems_are_among_them_and_the_camera_stack():
    plain = {(each.board.name[-1], each.system.python) for each in COMBINATIONS if not each.packages.pins}
    assert plain == {("4", "3.11"), ("4", "3.13"), ("5", "3.11"), ("5", "3.13")}
    assert any(each.packages == CAMERA for each in COMBINATIONS)
    assert any(pin.startswith("numpy==1.24.") for pin in CAMERA.pins)


def test_pictures_are_decoded_by_simplejpeg_and_by_pillow():
    assert {each.packages.extra for each in COMBINATIONS} == {"fast", ""}


def test_each_has_a_name_of_its_own_that_can_be_a_folders():
    names = [each.name for each in COMBINATIONS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9., ]+", name) for name in names)


def test_wheels_are_no_newer_than_the_systems_c_library():
    for combination in COMBINATIONS:
        names = platforms(combination.system)
        assert names[0] == f"manylinux_2_{combination.system.glibc_minor}_aarch64"
        assert {"manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"} <= set(names)
        assert f"manylinux_2_{combination.system.glibc_minor + 1}_aarch64" not in names
