"""Access tokens that are not good: 401 `unauthenticated`, or `token_expired` for one of ours that is over. Nothing that
comes with them is executed."""

import hashlib
import hmac
import json
import time
import unittest
import uuid

import gateway_test

import token_seal  # test/support, where support.py has pointed to
from token_seal import data_of, text

DAY_S = 86400


class BadTokens(gateway_test.OneNode):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (key,) = cls.admin.send("GET", "/.well-known/jwks.json").expect(200)["keys"]
        cls.jwk = key
        cls.seal = token_seal.TokenSeal(cls.node.var / "keys" / "jwt.pem", key["kid"])
        cls.who = cls.admin.account
        other = cls.node.folder / "other.pem"
        token_seal.make_key(other)
        cls.stranger = token_seal.TokenSeal(other, key["kid"])

    def setUp(self):
        self.pids = self.node.daemon_pids()
        self.title = self.id().rsplit(".", 1)[1]

    def tearDown(self):
        self.assertEqual(self.admin.all("/tasks", q=self.title), [], "what a bad token asked for was executed")
        self.assertEqual(self.node.daemon_pids(), self.pids)

    def use(self, token, scheme="Bearer "):
        """What a request with it, that would make a task, is answered."""
        client = self.node.client()
        try:
            return client.send("POST", "/v1/tasks", {"title": self.title}, {"Authorization": f"{scheme}{token}"})
        finally:
            client.close()

    def assert_refused(self, what, token, code="unauthenticated", scheme="Bearer "):
        with self.subTest(what):
            answer = self.use(token, scheme)
            self.assert_problem(answer, 401, code)
            self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer "))
            self.assertLess(len(answer.json["detail"]), 100)  # nothing about what is wrong with it

    def assert_accepted(self, what, token):
        with self.subTest(what):
            answer = self.node.client().send("GET", "/v1/me", None, {"Authorization": f"Bearer {token}"})
            self.assertEqual(answer.expect(200)["id"], self.who["id"])

    def header(self, **changed):
        return {name: value for name, value in {**self.seal.header, **changed}.items() if value is not ...}

    def claims(self, **changed):
        return {name: value for name, value in self.seal.claims(self.who, **changed).items() if value is not ...}

    # ── good ones ──
    def test_whoever_makes_a_token_with_the_key_is_believed(self):
        self.assert_accepted("plain", self.seal.token(self.who))
        self.assert_accepted("one of several audiences", self.seal.sign(self.header(), self.claims(aud=["x", "ates"])))
        others = self.claims(scope="a b", deep={"x": [1]})
        self.assert_accepted("other claims", self.seal.sign(self.header(cty="x"), others))
        self.assert_accepted("a name beyond ASCII", self.seal.sign(self.header(), self.claims(name="Zoë \U0001f600")))
        now = time.time()
        fractions = self.claims(iat=now, nbf=now, exp=now + 300)
        self.assert_accepted("dates with fractions", self.seal.sign(self.header(), fractions))
        self.assert_accepted("a scheme in small letters", self.seal.token(self.who))
        answer = self.node.client().send("GET", "/v1/me", None, {"Authorization": f"bearer {self.seal.token(self.who)}"})
        answer.expect(200)

    def test_a_role_that_a_token_claims_gives_no_rights(self):
        worker = {"id": self.worker_id, "name": "Administrator", "role": "admin"}
        answer = self.node.client().send("GET", "/v1/cluster", None,
                                         {"Authorization": f"Bearer {self.seal.token(worker)}"})
        self.assert_problem(answer, 403, "forbidden")

    # ── time ──
    def test_a_token_that_is_over_says_so_and_one_that_has_not_begun_is_none(self):
        now = int(time.time())
        for what, exp in (("a second ago", now - 1), ("a day ago", now - DAY_S), ("in 1970", 0), ("before 1970", -1),
                          ("with a fraction", now - 0.5), ("before all time", -2**62)):
            token = self.seal.sign(self.header(), self.claims(iat=exp - 300, nbf=exp - 300, exp=exp))
            self.assert_refused(f"ended {what}", token, "token_expired")
        for what, nbf in (("in a minute", now + 60), ("in a day", now + DAY_S), ("never", 2**63 - 1)):
            self.assert_refused(f"begins {what}", self.seal.sign(self.header(), self.claims(nbf=nbf, exp=nbf)))
        # Only who has the key may hear that a token is over.
        self.assert_refused("ended, and forged", self.stranger.sign(self.header(), self.claims(exp=now - DAY_S)))

    # ── whose, and for whom ──
    def test_claims_that_are_missing_or_not_ours_or_of_another_type_are_refused(self):
        now = int(time.time())
        table = [{name: ...} for name in ("iss", "aud", "sub", "iat", "nbf", "exp")]
        table += [{"iss": wrong} for wrong in ("other", "", "ATES", "ates ", ["ates"], None, 1, "https://ates")]
        table += [{"aud": wrong} for wrong in ("other", "", "ATES", [], ["other"], ["ates", 1], None, 1, {"ates": 1})]
        table += [{"sub": wrong} for wrong in ("", "admin", None, 1, [self.who["id"]], self.who["id"] + " ",
                                               "{" + self.who["id"] + "}", str(uuid.uuid4()), "0" * 36, "../" + self.who["id"])]
        for name in ("iat", "nbf", "exp"):
            table += [{name: wrong} for wrong in (str(now + 100), None, True, [now], {}, "")]
        table += [{"jti": 1}, {"jti": None}, {"name": 1}, {"role": ["admin"]}]
        for changed in table:
            self.assert_refused(str(changed), self.seal.sign(self.header(), self.claims(**changed)))

    def test_a_number_that_is_none_is_refused(self):
        whole = json.dumps(self.claims(exp=...))[:-1]
        for exp in ("1e400", "99999999999999999999", "NaN", "Infinity", "0x7fffffff", "01", "1."):
            self.assert_refused(exp, self.seal.sign(self.header(), f'{whole}, "exp": {exp}}}'.encode()))

    # ── the header ──
    def test_another_algorithm_is_refused_whatever_it_is_signed_with(self):
        pem = (self.node.var / "keys" / "jwt.pem").read_bytes()
        public = json.dumps(self.jwk).encode()
        raw_point = b"\x04" + data_of(self.jwk["x"]) + data_of(self.jwk["y"])
        for algorithm in ("none", "None", "NONE", "nOnE", "", "HS256", "HS512", "ES384", "ES512", "RS256", "PS256",
                          "EdDSA", "es256", "ES256K", "ES256 ", ["ES256"], None, 0, {"ES256": 1}, ...):
            header = self.header(alg=algorithm)
            self.assert_refused(f"{algorithm}, signed by us", self.seal.sign(header, self.claims()))
            signed = f"{text(header)}.{text(self.claims())}"
            self.assert_refused(f"{algorithm}, not signed", f"{signed}.")
        for what, secret in (("the JWK", public), ("the key's file", pem), ("the point", raw_point), ("nothing", b""),
                             ("x", data_of(self.jwk["x"])), ("the key's name", self.jwk["kid"].encode())):
            signed = f"{text(self.header(alg='HS256'))}.{text(self.claims())}"
            tag = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            self.assert_refused(f"HS256 with {what} for a secret", f"{signed}.{text(tag)}")

    def test_a_header_that_is_not_ours_is_refused(self):
        table = [{"typ": wrong} for wrong in ("JWT", "jwt", "", None, 1, ["at+jwt"], ...)]
        table += [{"kid": wrong} for wrong in ("", "other", "../../../dev/null", "/dev/null", "' or 1=1 --", "\0", None, 1,
                                               [self.jwk["kid"]], ...)]
        table += [{"crit": wrong} for wrong in ([], ["exp"], ["b64"], None, "exp")] + [{"crit": ["b64"], "b64": False}]
        for changed in table:
            self.assert_refused(str(changed), self.seal.sign(self.header(**changed), self.claims()))

    # ── the signature ──
    def test_another_key_is_refused_under_any_name_and_when_the_token_brings_it_along(self):
        jwk = {**token_seal.public_half(self.stranger.key), "kid": "stranger", "alg": "ES256", "use": "sig"}
        for what, changed in (("under our name", {}), ("under its own", {"kid": "stranger"}), ("with jwk", {"jwk": jwk}),
                              ("with jwk under its own name", {"jwk": jwk, "kid": "stranger"}),
                              ("with jku", {"jku": f"{self.node.url}/.well-known/jwks.json"}),
                              ("with x5u", {"x5u": "http://127.0.0.1:1/x"}), ("with x5c", {"x5c": ["MIIB"]}),
                              ("with x5t", {"x5t": "AAAA"})):
            self.assert_refused(what, self.stranger.sign(self.header(**changed), self.claims()))

    def test_what_was_edited_is_refused(self):
        header, claims, signature = self.seal.token(self.who).split(".")
        richer = text(self.claims(role="admin", exp=int(time.time()) + DAY_S))
        spaced = text(data_of(header).replace(b": ", b":"))
        parts = {"claims of another": (header, richer, signature), "a header written otherwise": (spaced, claims, signature),
                 "no signature": (header, claims, ""), "half a signature": (header, claims, signature[:43]),
                 "a longer signature": (header, claims, signature + "AAAA"), "r and s changed over":
                 (header, claims, text(data_of(signature)[32:] + data_of(signature)[:32])),
                 "r = 0": (header, claims, text(bytes(32) + data_of(signature)[32:])),
                 "s = 0": (header, claims, text(data_of(signature)[:32] + bytes(32))),
                 "all zeros": (header, claims, text(bytes(64))), "all ones": (header, claims, text(b"\xff" * 64)),
                 "in DER": (header, claims, text(b"\x30\x44\x02\x20" + data_of(signature)[:32] + b"\x02\x20"
                                                 + data_of(signature)[32:])),
                 "padded": (header, claims, signature + "=="), "padded within": (header + "=", claims, signature),
                 "other low bits": (header, claims, signature[:-1] + other_low_bits(signature[-1])),
                 "the other alphabet": (header, claims, "+" + signature[1:]), "four parts": (header, claims, signature, ""),
                 "five parts": (header, "", "", "", ""), "two parts": (header, claims), "one part": (claims,),
                 "an empty header": ("", claims, signature), "no claims": (header, "", signature), "nothing": ("", "", ""),
                 "in front a point": ("", header, claims, signature), "a header that is claims": (claims, claims, signature)}
        for what, some in parts.items():
            self.assert_refused(what, ".".join(some))
        good = f"{header}.{claims}.{signature}"
        for place in {0, 5, len(header) - 1, len(header) + 1, len(header) + 20, len(good) - len(signature), len(good) - 2}:
            edited = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1:]
            self.assert_refused(f"another letter at {place}", edited)
        self.assert_accepted("untouched", good)

    def test_parts_that_are_no_json_objects_are_refused(self):
        good, claims = json.dumps(self.header()).encode(), json.dumps(self.claims()).encode()
        for part in (b"", b"null", b"[]", b'"x"', b"1", b"{", b"{}{}", b"\xef\xbb\xbf{}", b"{\"a\":\xff}", b"[" * 1000):
            self.assert_refused(f"header {part[:9]}", self.seal.sign(part, claims))
            self.assert_refused(f"claims {part[:9]}", self.seal.sign(good, part))
        for member in (b'"alg":"none"', b'"alg":"ES256"', b'"\\u0061lg":"none"', b'"kid":"x"'):
            self.assert_refused(f"header with a second {member}", self.seal.sign(good[:-1] + b"," + member + b"}", claims))
        for member in (b'"sub":"x"', b'"exp":99999999999', b'"\\u0065xp":99999999999', b'"aud":"ates"'):
            self.assert_refused(f"claims with a second {member}", self.seal.sign(good, claims[:-1] + b"," + member + b"}"))

    def test_a_token_of_another_kind_or_size_is_refused(self):
        refresh = self.node.client().send("POST", "/v1/auth", self.admin.secret).expect(200)["refresh_token"]
        self.assert_refused("a refresh token", refresh)
        self.assert_refused("5 000 characters", "a" * 5000)
        self.assert_refused("points only", "." * 4000)
        self.assert_refused("a long name", self.seal.sign(self.header(), self.claims(name="n" * 4000)))
        good = self.seal.token(self.who)
        for scheme in ("", "Basic ", "Bearer", "Bearer  ", "JWT ", "Bearer Bearer ", "Bearer\t"):
            self.assert_refused(f"scheme {scheme!r}", good, scheme=scheme)
        for what, token in (("a comma behind", good + ","), ("two", f"{good}, {good}"), ("in quotes", f'"{good}"'),
                            ("blanks within", good.replace(".", " . "))):
            self.assert_refused(what, token)
        self.assert_accepted("the same in peace", good)


def other_low_bits(letter):
    """The last letter of 64 bytes carries two bits that must be zero: the same value with others."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) + 1]


if __name__ == "__main__":
    unittest.main()
