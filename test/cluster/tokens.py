"""Access tokens that a test signs with the key of the cluster: signing in costs each person a slow hash."""

import base64
import json
import subprocess
import time
import uuid

import support

LIFE_S = 300


class Seal:
    def __init__(self, cluster):
        self.cluster = cluster
        self.key = cluster.var / "keys" / "jwt.pem"
        keys = cluster.client().send("GET", "/.well-known/jwks.json").expect(200)["keys"]
        self.header = _text(json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": keys[0]["kid"]}).encode())

    def client(self, person):
        """Of the edge; signed in as the employee for LIFE_S."""
        client = support.Client(self.cluster.url)
        client.token = self.token(person)
        client.token_ends_at = time.monotonic() + LIFE_S
        client.account = person
        self.cluster.clients.append(client)
        return client

    def token(self, person, life_s=LIFE_S):
        now = int(time.time())
        claims = {"iss": "ates", "aud": "ates", "sub": person["id"], "name": person["name"], "role": person["role"],
                  "iat": now, "nbf": now, "exp": now + life_s, "jti": str(uuid.uuid4())}
        signed = f"{self.header}.{_text(json.dumps(claims).encode())}"
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed.encode(), check=True,
                              capture_output=True).stdout
        return f"{signed}.{_text(_fixed(made))}"


def _text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _fixed(signature):
    """r and s, 32 bytes each, of an ECDSA signature in DER: 30 len 02 len r 02 len s."""
    at, numbers = 2, b""
    for _ in range(2):
        length = signature[at + 1]
        number = int.from_bytes(signature[at + 2:at + 2 + length], "big")
        numbers += number.to_bytes(32, "big")
        at += 2 + length
    return numbers
