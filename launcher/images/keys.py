"""Keys for one delivery: hosts let each other in by them, and by nothing else."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A private key and its public key, each a line of base64."""

    private: str = field(repr=False)
    public: str


@dataclass(frozen=True, slots=True)
class Pass:
    """What every host of a delivery is given: the key that it shows, and the one that it comes with."""

    server: Pair
    client: Pair

    def lines(self) -> bytes:
        """For standard input of a script: never on a command line."""
        words = (self.server.private, self.server.public, self.client.private, self.client.public)
        return "".join(f"{word}\n" for word in words).encode("ascii")


def new_pass() -> Pass:
    """Fresh keys, good for as long as the delivery's doors are open."""
    return Pass(_new_pair(), _new_pair())


def _new_pair() -> Pair:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return Pair(b64encode(private).decode("ascii"), b64encode(public + b"\n").decode("ascii"))
