"""Signs access tokens of the tests' own making with a PEM key, as contract.md "Tokens" writes them, or in any other way.

    seal = TokenSeal(node.var / "keys" / "jwt.pem", kid)
    token = seal.token(person, life_s=300)
    odd = seal.sign({**seal.header, "alg": "none"}, seal.claims(person))"""

import base64
import json
import subprocess
import time
import uuid

LIFE_S = 300


class TokenSeal:
    def __init__(self, key, kid):
        self.key = key
        self.header = {"alg": "ES256", "typ": "at+jwt", "kid": kid}

    def claims(self, person, life_s=LIFE_S, **others):
        """Of a token for an employee ({id, name, role}) that begins now."""
        now = int(time.time())
        return {"iss": "ates", "aud": "ates", "sub": person["id"], "name": person["name"], "role": person["role"],
                "iat": now, "nbf": now, "exp": now + life_s, "jti": str(uuid.uuid4()), **others}

    def token(self, person, life_s=LIFE_S):
        return self.sign(self.header, self.claims(person, life_s))

    def sign(self, header, claims):
        """`header` and `claims`: objects, or bytes as they are to stand in the token."""
        signed = f"{text(header)}.{text(claims)}"
        return f"{signed}.{text(self.signature(signed.encode()))}"

    def signature(self, data):
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=data, check=True,
                              capture_output=True).stdout
        return _fixed(made)


def make_key(path):
    """A P-256 key of the test's own."""
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path],
                   check=True, capture_output=True)


def public_half(key):
    """As a JWK without a kid."""
    der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True,
                         capture_output=True).stdout
    return {"kty": "EC", "crv": "P-256", "x": text(der[-64:-32]), "y": text(der[-32:])}


def text(part):
    """base64url, without padding, of bytes or of an object as JSON."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data_of(part):
    """The bytes that text() has made it of."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _fixed(signature):
    """r and s, 32 bytes each, of an ECDSA signature in DER: 30 len 02 len r 02 len s."""
    at, numbers = 2, b""
    for _ in range(2):
        length = signature[at + 1]
        number = int.from_bytes(signature[at + 2:at + 2 + length], "big")
        numbers += number.to_bytes(32, "big")
        at += 2 + length
    return numbers
