"""Access tokens that a test signs with the key of the cluster: signing in costs each person a slow hash."""

import time

import support

import token_seal  # test/support, where support.py has pointed to
from token_seal import LIFE_S


class Seal:
    def __init__(self, cluster):
        self.cluster = cluster
        keys = cluster.client().send("GET", "/.well-known/jwks.json").expect(200)["keys"]
        self.seal = token_seal.TokenSeal(cluster.var / "keys" / "jwt.pem", keys[0]["kid"])

    def client(self, person):
        """Of the edge; signed in as the employee for LIFE_S."""
        client = support.Client(self.cluster.url)
        client.token = self.token(person)
        client.token_ends_at = time.monotonic() + LIFE_S
        client.account = person
        self.cluster.clients.append(client)
        return client

    def token(self, person, life_s=LIFE_S):
        return self.seal.token(person, life_s)
