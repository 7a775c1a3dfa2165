"""The completion scripts: those of today's options, and understood by the shells themselves."""

import os
import shutil

import pexpect
import pytest

from edge_runtime.__main__ import main
from edge_runtime.options import SHELLS
from tests import completion
from tests.completion import script_path
from tests.edge_runtime.conftest import one_line

# A shell that has read the script, and a command that shows what it was given.
STARTS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {script}"),
    "zsh": (["zsh", "-f", "-i"], "fpath=($HOME/functions $fpath); autoload -Uz compinit; compinit -u -D"),
    "fish": (["fish", "--no-config", "-i"], "source {script}"),
}
COMMANDS = {
    "bash": "leukolite() {{ echo {mark}; printf '%s|' \"$@\"; echo; echo {end}; }}",
    "zsh": "leukolite() {{ echo {mark}; printf '%s|' \"$@\"; echo; echo {end}; }}",
    "fish": "function leukolite; echo {mark}; printf '%s|' $argv; echo; echo {end}; end",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_scripts_are_those_of_the_options(shell):
    assert script_path(shell).read_text() == completion.scripts()[shell], "run: python -m tests.completion"


def test_an_argument_that_may_be_a_file_or_not_must_be_said(monkeypatch):
    parser = completion.build_parser()
    parser.add_argument("--new", metavar="THING")
    monkeypatch.setattr(completion, "build_parser", lambda: parser)
    with pytest.raises(KeyError, match="THING"):
        completion.scripts()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script(shell, capsys):
    assert main(["completion", shell]) == 0
    assert capsys.readouterr() == (script_path(shell).read_text(), "")


@pytest.mark.parametrize("arguments", [[], ["tcsh"], ["bash", "zsh"]])
def test_other_shells_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["completion", *arguments])
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert one_line(err.splitlines(), "--help")


@pytest.fixture(scope="module", params=SHELLS)
def typed(request, tmp_path_factory):
    """Types a line, in which a tab completes, into a shell that runs in a folder with files; what the command gets."""
    shell, folder = request.param, tmp_path_factory.mktemp("shell")
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}: apt-get install {shell}")
    (folder / "smears").mkdir()
    (folder / "pictures").mkdir()
    for name in ("smears/one.jpg", "model.tflite", "with space.jpg", "pic.tflite"):
        (folder / name).touch()
    (folder / "functions").mkdir()  # where zsh looks for it by name
    (folder / "functions" / "_leukolite").symlink_to(script_path(shell))
    (command, *arguments), source = STARTS[shell]
    environment = {**os.environ, "HOME": str(folder), "TERM": "dumb", "PS1": "> "}
    process = pexpect.spawn(command, arguments, cwd=folder, env=environment, encoding="utf-8", timeout=60, echo=False)
    process.sendline(source.format(script=script_path(shell)))
    process.sendline(COMMANDS[shell].format(mark="got''ten", end="e''nd"))

    def enter(line: str) -> list[str]:
        process.send(line + "\r")
        process.expect(r"gotten\r?\n(.*?)\|?\r?\nend")
        return [argument.rstrip("/") for argument in process.match[1].split("|")]  # zsh takes it away

    yield enter
    process.close(force=True)


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("leukolite eva\t", ["evaluate"]),
        ("leukolite --vers\t", ["--version"]),
        ("leukolite classify --thr\t", ["classify", "--threshold"]),
        ("leukolite classify --format c\t", ["classify", "--format", "csv"]),
        ("leukolite classify smears/o\t", ["classify", "smears/one.jpg"]),
        ("leukolite classify wi\t -m mod\t", ["classify", "with space.jpg", "-m", "model.tflite"]),
        ("leukolite evaluate --data pic\t", ["evaluate", "--data", "pictures"]),  # not pic.tflite, which is no folder
        ("leukolite bulk --golden w\t", ["bulk", "--golden", "w"]),  # which `bulk` has not
        ("leukolite completion f\t", ["completion", "fish"]),
    ],
    ids=lambda value: value.replace("\t", "<TAB>") if isinstance(value, str) else None,
)
def test_a_shell_completes(typed, line, arguments):
    assert typed(line) == arguments
