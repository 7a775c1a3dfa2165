"""Sign a folder of bundles with the maker's own key, by OpenSSF model signing; no network, no service.

https://github.com/sigstore/model-transparency. Needs the extra `sign`; whoever verifies needs the public key alone.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from convert.config import SIGNATURE_NAME
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import write_atomic


def signer(key: Path) -> Callable[[Path], Path]:
    """What signs all files of a folder and gives the path of the signature in it.

    Args:
        key: a private key of an elliptic curve (P-256, P-384 or P-521), PEM without a password.

    Raises LeukoliteError when the key cannot be used or the extra is missing; so make it before any work is done.
    """
    try:
        from model_signing import hashing, signing
    except ImportError as error:
        raise LeukoliteError(
            expected="the package model-signing, to sign bundles",
            found=reason(error),
            remedy="install the extra `sign`, or leave --sign-with out",
        ) from error
    try:
        config = signing.Config().use_elliptic_key_signer(private_key=key)
    except Exception as error:  # it and the cryptography below have errors of many kinds
        raise LeukoliteError(
            expected=f"a private key of an elliptic curve at {show(key)}",
            found=reason(error)[:300],
            remedy="make one with `openssl ecparam -name prime256v1 -genkey -noout -out KEY.pem`",
        ) from error

    def sign(folder: Path) -> Path:
        target = folder / SIGNATURE_NAME
        config.set_hashing_config(hashing.Config().set_ignored_paths(paths=[SIGNATURE_NAME]))
        with tempfile.TemporaryDirectory() as scratch:  # it writes in place; ours is renamed when it is whole
            signature = Path(scratch) / SIGNATURE_NAME
            try:
                config.sign(folder, signature)
            except (OSError, ValueError) as error:
                raise LeukoliteError(
                    expected=f"a folder of plain files to sign at {show(folder)}",
                    found=reason(error)[:300],
                    remedy="convert to a new folder; what is there is not signed",
                ) from error
            write_atomic(target, [signature.read_bytes()])
        return target

    return sign
