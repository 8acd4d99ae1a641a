"""The private certificate authority of a cluster: who has a certificate of it, and its key, is a node.

<var>/ca/ca.pem and ca.key, and one certificate a node in <var>/<node>/tls/. Made by openssl, a folder whole or not at
all. Renewed at a start that finds less than 30 days left: the authority when the cluster starts (then all nodes get new
certificates), a node's own whenever that node starts."""

import shutil
import subprocess

from kept import Failure

AUTHORITY_DAYS = 3650
NODE_DAYS = 730
RENEW_BEFORE_S = 30 * 24 * 3600
# Not the system's openssl.cnf: what it adds differs from machine to machine.
EXTENSIONS = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[node]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = IP:127.0.0.1, DNS:localhost
"""
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class PrivateAuthority:
    def __init__(self, folder):
        self.folder = folder
        self.certificate = folder / "ca.pem"

    def ensure(self):
        """There is an authority that lives for a while."""
        if not _lasts(self.certificate):
            _make_folder(self.folder, self._make)

    def ensure_node(self, name, folder):
        """There are node.pem and node.key in `folder`, signed by the present authority."""
        certificate = folder / "node.pem"
        if not _lasts(certificate) or _ask("verify", "-CAfile", self.certificate, certificate).returncode != 0:
            _make_folder(folder, lambda fresh: self._make_node(name, fresh))

    def _make(self, fresh):
        _openssl("req", "-x509", *NEW_KEY, "-config", fresh / "openssl.cnf", "-extensions", "authority",
                 "-subj", "/CN=aTES private CA", "-days", AUTHORITY_DAYS, "-keyout", fresh / "ca.key",
                 "-out", fresh / "ca.pem")
        (fresh / "ca.key").chmod(0o600)

    def _make_node(self, name, fresh):
        request = fresh / "request.pem"
        _openssl("req", "-new", *NEW_KEY, "-config", fresh / "openssl.cnf", "-subj", f"/CN={name}",
                 "-keyout", fresh / "node.key", "-out", request)
        (fresh / "node.key").chmod(0o600)
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-days",
                 NODE_DAYS, "-extfile", fresh / "openssl.cnf", "-extensions", "node", "-out", fresh / "node.pem")
        request.unlink()


def _make_folder(folder, fill):
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    (fresh / "openssl.cnf").write_text(EXTENSIONS)
    fill(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _lasts(certificate):
    words = ("x509", "-noout", "-checkend", RENEW_BEFORE_S, "-in", certificate)
    return certificate.exists() and _ask(*words).returncode == 0


def _ask(*words):
    return subprocess.run(["openssl", *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def _openssl(*words):
    done = _ask(*words)
    if done.returncode != 0:
        raise Failure(f"openssl {words[0]} failed:\n{done.stdout.strip()}")
