"""The keys with which tokens are signed, and how they are published."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from itertools import count

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.directory.tenant import Json

# Generating a key is slow, so the sandboxes of a process share theirs; the issuer tells tokens apart.
FORGERS_KEY = -1


@cache
def private_key(_number: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65_537, key_size=2_048)


@dataclass(frozen=True, slots=True)
class SigningKey:
    key_id: str
    private: RSAPrivateKey

    def published(self, issuer: str) -> Json:
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.key_id,
            "x5t": self.key_id,
            "n": _base64_number(numbers.n),
            "e": _base64_number(numbers.e),
            "issuer": issuer,
        }


@dataclass(slots=True)
class SigningKeys:
    """The newest key signs; the older ones stay published until they are retired."""

    _numbers: "count[int]" = field(default_factory=count)
    keys: list[SigningKey] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rotate()

    @property
    def signer(self) -> SigningKey:
        return self.keys[-1]

    def rotate(self) -> None:
        self.keys.append(signing_key(next(self._numbers)))

    def retire(self) -> None:
        """Publish only the newest key; tokens signed with older ones become invalid."""
        del self.keys[:-1]

    def find(self, key_id: str) -> SigningKey | None:
        return next((key for key in self.keys if key.key_id == key_id), None)


@cache
def signing_key(number: int) -> SigningKey:
    private = private_key(number)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(_base64(sha256(public).digest()[:20]), private)


def _base64_number(value: int) -> str:
    return _base64(value.to_bytes((value.bit_length() + 7) // 8))


def _base64(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
