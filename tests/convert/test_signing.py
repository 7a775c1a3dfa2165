import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from convert.__main__ import main
from convert.signing import SIGNATURE_NAME, signer
from edge_runtime.errors import LeukoliteError

CHECKOUT = Path(__file__).parent.parent.parent


def write_keys(folder, private, *, password=None):
    """Writes KEY.pem and PUB.pem; the path of the first."""
    cipher = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "KEY.pem").write_bytes(private.private_bytes(pem, form, cipher))
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "PUB.pem").write_bytes(public)
    return folder / "KEY.pem"


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """A private key, with its public one PUB.pem beside it."""
    return write_keys(tmp_path_factory.mktemp("keys"), ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def bundles(tmp_path):
    """A folder to sign."""
    folder = tmp_path / "bundles"
    folder.mkdir()
    for name in ("a.tflite", "b.tflite", "SHA256SUMS"):
        (folder / name).write_bytes(name.encode() * 100)
    return folder


def verify(folder, key):
    """The command of the documentation, run as users would."""
    (command,) = re.findall(r"^model_signing verify .*(?:\\\n.*)*$", (CHECKOUT / "docs/convert.md").read_text(), re.M)
    public = str(key.with_name("PUB.pem"))
    words = shlex.split(command.replace("\\\n", " ").replace("PUB.pem", public).replace("BUNDLES", str(folder)))
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=60, check=False)


def test_signature_of_a_conversion_verifies_until_a_byte_is_flipped(runs, smear_root, key, tmp_path, capsys):
    out = tmp_path / "out"
    options = {"float": runs[0], "qat": runs[1], "data": smear_root, "out": out, "sign-with": key}
    assert main([part for name, value in options.items() for part in (f"--{name}", str(value))]) == 0
    assert capsys.readouterr().out.startswith("| variant")
    assert {SIGNATURE_NAME, "SHA256SUMS"} < {path.name for path in out.iterdir()}
    done = verify(out, key)
    assert done.returncode == 0, done.stdout + done.stderr
    bundle = out / "leukolite-int8.tflite"
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    bundle.write_bytes(content)
    done = verify(out, key)
    assert done.returncode != 0
    assert "leukolite-int8.tflite" in done.stdout + done.stderr


def flip(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


CHANGES = {
    "sums": lambda folder: flip(folder / "SHA256SUMS"),
    "missing": lambda folder: (folder / "b.tflite").unlink(),
    "added": lambda folder: shutil.copy(folder / "a.tflite", folder / "c.tflite"),
    "renamed": lambda folder: (folder / "a.tflite").rename(folder / "c.tflite"),
    "no signature": lambda folder: (folder / SIGNATURE_NAME).unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_change_is_found(bundles, key, change):
    assert signer(key)(bundles) == bundles / SIGNATURE_NAME  # which verifies, the test below says
    CHANGES[change](bundles)
    assert verify(bundles, key).returncode != 0


def test_signature_by_another_key_is_found(bundles, key, tmp_path):
    signer(key)(bundles)
    assert verify(bundles, write_keys(tmp_path, ec.generate_private_key(ec.SECP256R1()))).returncode != 0


def test_folder_can_be_signed_again(bundles, key):
    for _ in range(2):
        signer(key)(bundles)
        flip(bundles / "a.tflite")
    signer(key)(bundles)
    assert verify(bundles, key).returncode == 0
    assert len(list(bundles.iterdir())) == 4


def unusable(kind, folder):
    """A path that holds no key to sign with."""
    path = folder / "KEY.pem"
    match kind:
        case "folder":
            path.mkdir()
        case "empty":
            path.write_bytes(b"")
        case "no key":
            path.write_bytes(b"\xff" * 100)
        case "public":
            write_keys(folder, ec.generate_private_key(ec.SECP256R1()))
            return folder / "PUB.pem"
        case "rsa":
            write_keys(folder, rsa.generate_private_key(65537, 2048))
        case "other curve":
            write_keys(folder, ec.generate_private_key(ec.SECP256K1()))
        case "password":
            write_keys(folder, ec.generate_private_key(ec.SECP256R1()), password=b"secret")
    return path


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "no key", "public", "rsa", "other curve", "password"])
def test_key_that_cannot_be_used_is_refused(refused, tmp_path, kind):
    with refused("a private key of an elliptic curve at .*(KEY|PUB).pem, got .*; make one with `openssl "):
        signer(unusable(kind, tmp_path))


def test_key_that_cannot_be_used_is_one_line_before_anything_is_done(runs, smear_root, tmp_path, capsys):
    options = {"float": "no", "qat": "no", "data": smear_root, "out": tmp_path / "out", "sign-with": "no\nkey.pem"}
    assert main([part for name, value in options.items() for part in (f"--{name}", str(value))]) == 2
    said = capsys.readouterr()
    assert re.fullmatch(r"convert: error: expected a private key .* at no\\nkey.pem, got .*; .*\n", said.err), said.err
    assert said.out == ""
    assert not (tmp_path / "out").exists()


def test_key_that_the_remedy_makes_can_be_used(bundles, tmp_path):
    with pytest.raises(LeukoliteError, match="make one with") as caught:
        signer(tmp_path / "KEY.pem")
    command = str(caught.value).split("`")[1].replace("KEY.pem", str(tmp_path / "KEY.pem"))
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    public = ["openssl", "ec", "-in", tmp_path / "KEY.pem", "-pubout", "-out", tmp_path / "PUB.pem"]
    subprocess.run(public, check=True, capture_output=True)
    signer(tmp_path / "KEY.pem")(bundles)
    assert verify(bundles, tmp_path / "KEY.pem").returncode == 0


def test_folder_that_cannot_be_signed_is_refused(refused, bundles, key):
    (bundles / "link.tflite").symlink_to(bundles / "a.tflite")
    with refused("a folder of plain files to sign at .*, got .*"):
        signer(key)(bundles)
    assert not (bundles / SIGNATURE_NAME).exists()


def test_without_the_extra_it_says_what_to_install(refused, key, monkeypatch):
    monkeypatch.setitem(sys.modules, "model_signing", None)
    with refused("the package model-signing, .*; install the extra `sign`"):
        signer(key)
