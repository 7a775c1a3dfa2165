import os

import pytest

from edge_runtime.inputs import Input, expand, is_image_name, list_images


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder of empty files, to be the working directory."""
    for name in ("b.jpg", "a.png", "notes.txt", ".hidden.jpg", "sub/c.JPEG", "sub/deep/d.tif", ".git/e.jpg", "[1].bmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paths(*arguments: str, stdin: tuple[str, ...] = ()) -> list[str]:
    """The paths behind arguments that all lead somewhere."""
    found = list(expand(arguments, stdin=stdin))
    assert [item.error for item in found] == [None] * len(found)
    return [item.path for item in found]


def test_files_stay_in_the_order_given_whatever_their_names(tree):
    assert paths("notes.txt", "b.jpg", "a.png", "b.jpg") == ["notes.txt", "b.jpg", "a.png", "b.jpg"]


def test_folder_gives_its_visible_images_sorted(tree):
    assert paths(".") == ["./[1].bmp", "./a.png", "./b.jpg", "./sub/c.JPEG", "./sub/deep/d.tif"]
    assert list_images("sub") == ["sub/c.JPEG", "sub/deep/d.tif"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.jpg", ["b.jpg"]),
        ("*.[jp][pn]g", ["a.png", "b.jpg"]),
        ("s*", ["sub/c.JPEG", "sub/deep/d.tif"]),
        ("sub/**", ["sub/c.JPEG", "sub/deep/d.tif"]),
        ("**/*.tif", ["sub/deep/d.tif"]),
        ("./**/deep", ["sub/deep/d.tif"]),
        ("s*/**/*.tif", ["sub/deep/d.tif"]),
        ("**/deep/**/*.tif", ["sub/deep/d.tif"]),
        ("**", ["[1].bmp", "a.png", "b.jpg", "notes.txt", "sub/c.JPEG", "sub/deep/d.tif"]),
        ("[1].bmp", ["[1].bmp"]),  # a file of just that name comes before the pattern
    ],
)
def test_globs(tree, pattern, found):
    assert paths(pattern) == found


def test_dash_reads_paths_from_standard_input(tree):
    assert paths("b.jpg", "-", stdin=("a.png\n", "\n", "sub\n", "sub/*.JPEG")) == [
        "b.jpg",
        "a.png",
        "sub/c.JPEG",
        "sub/deep/d.tif",
        "sub/c.JPEG",
    ]


def test_dash_on_standard_input_is_a_file_name(tree):
    (tree / "-").touch()
    assert paths("-", stdin=("-\n",)) == ["-"]


@pytest.mark.parametrize("argument", ["missing.jpg", "*.gif", "empty", "", "a\0b", "sub/c.JPEG/x"])
def test_what_leads_nowhere_is_said_and_the_rest_goes_on(tree, argument):
    bad, good = expand([argument, "a.png"])
    assert bad.path == argument
    assert bad.error.startswith("expected ")
    assert "\n" not in bad.error
    assert "check the path" in bad.error
    assert good == Input("a.png")


@pytest.mark.parametrize(
    ("argument", "found"),
    [("sub", ["sub/deep", "sub/c.JPEG"]), ("s*", ["sub/deep", "sub/c.JPEG"]), ("sub/deep", ["sub/deep"])],
)
def test_a_folder_that_cannot_be_read_is_said_and_the_rest_goes_on(tree, monkeypatch, argument, found):
    scan = os.scandir

    def closed(path):
        if os.fspath(path) == "sub/deep":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)  # root, as whom the tests may run, may read all
    items = list(expand([argument]))
    assert [item.path for item in items] == found
    said = "expected a folder that can be read at sub/deep, got Permission denied; check its permissions"
    assert [item.error for item in items] == [said, None][: len(found)]


def test_dead_link_is_left_to_the_decoder(tree):
    (tree / "link.jpg").symlink_to("gone.jpg")
    assert paths("link.jpg") == ["link.jpg"]


@pytest.mark.timeout(60)  # glob's own ** takes each way through the circles: 2 to the power of 40
@pytest.mark.parametrize("argument", [".", "**", "**/*.jpg", "s*/**"])
def test_links_in_circles_end(tree, argument):
    for name in ("one", "two"):
        (tree / "sub" / name).symlink_to("..")
    found = paths(argument)
    assert found
    assert [path for path in found if "one" in path or "two" in path] == []


@pytest.mark.parametrize("name", ["a\nb.jpg", "../x.jpg", "-o.jpg", " .jpg", "\u202egpj.jpg", "$(reboot).jpg"])
def test_strange_names_are_names(tree, name, monkeypatch):
    monkeypatch.chdir(tree / "sub")
    (tree / "sub" / name).touch()
    assert paths(name) == [name]


def test_what_is_still_being_written_is_not_taken_from_a_folder(tree):
    for name in ("sub/e.jpg.part", "sub/.f.jpg.x1.part", "sub/.g.jpg"):
        (tree / name).touch()
    assert paths("sub") == ["sub/c.JPEG", "sub/deep/d.tif"]


def test_names_that_are_not_utf8(tree):
    name = os.fsdecode(b"caf\xe9.jpg")
    (tree / name).touch()
    assert name in [os.path.basename(path) for path in paths(".")]
    assert paths("caf*") == [name]


@pytest.mark.parametrize(
    ("name", "is_image"),
    [("a.jpg", True), ("a.JPEG", True), ("a.b.Png", True), ("a.gif", False), ("jpg", False), (".jpg", False)],
)
def test_is_image_name(name, is_image):
    assert is_image_name(name) is is_image
