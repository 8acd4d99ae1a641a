"""Who may not take part: clients without the cluster's certificate, noise, nodes of another cluster, a second node of the
same name.

ATES_TEST_NOISE_S and ATES_TEST_NOISE_CONNECTIONS set how much noise there is."""

import json
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import sys
import time
import unittest

import cluster_support
import private_ca
import support
import workload
from support import postgres

NOISE_S = float(cluster_support.setting("NOISE_S", "4"))
NOISE_CONNECTIONS = int(cluster_support.setting("NOISE_CONNECTIONS", "40"))
NOISE = pathlib.Path(__file__).parent.parent / "support" / "noise.py"
SILENCE_S = 2.0
LOG_LIMIT_S = 20
FOREIGN = "it belongs to cluster .other"
SEED = "strangers"


class Strangers(cluster_support.ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.share_cluster(nodes=2)
        cls.crowd = workload.Crowd(cls.cluster, SEED)

    def caf_port(self, name="node1"):
        return self.cluster.entry(name)["caf_port"]

    # ── certificates ──
    def heard_with(self, certificate=None):
        """What a client that speaks TLS, with the certificate in this folder if given, gets to read."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            context.load_cert_chain(certificate / "node.pem", certificate / "node.key")
        try:
            with socket.create_connection(("127.0.0.1", self.caf_port()), timeout=SILENCE_S) as plain:
                with context.wrap_socket(plain) as encrypted:
                    return encrypted.recv(4096)
        except (OSError, TimeoutError):
            return b""

    def test_only_a_certificate_of_the_cluster_gets_a_word_out_of_a_node(self):
        other = private_ca.PrivateAuthority(self.cluster.folder / "other-ca")
        other.ensure()
        other.ensure_node("node9", self.cluster.folder / "other-tls")
        self.assertEqual(self.heard_with(), b"")
        self.assertEqual(self.heard_with(self.cluster.folder / "other-tls"), b"")
        self.assertNotEqual(self.heard_with(self.cluster.var / "node2" / "tls"), b"", "not even with the right one")

    def heard_plainly(self, said):
        """What comes back until the node hangs up, or says nothing more."""
        heard = b""
        with socket.create_connection(("127.0.0.1", self.caf_port()), timeout=SILENCE_S) as plain:
            plain.sendall(said)
            try:
                while data := plain.recv(4096):
                    heard += data
            except OSError:
                pass
        return heard

    def test_a_plain_client_gets_nothing_out_of_a_node(self):
        heard = self.heard_plainly(bytes(40))
        self.assertLessEqual(len(heard), 7, "more than a TLS alert")

    # ── noise ──
    def test_a_connection_that_is_no_node_leaves_the_links_alone(self):
        def linked():
            return self.cluster.log_of("node1").rpartition(" linked")[2].count("link_lost") == 0
        self.wait_until(linked, LOG_LIMIT_S, "the nodes are not linked")
        before = len(self.cluster.log_of("node1"))
        for _ in range(3):
            self.heard_plainly(b"x" * 100)
            # The link speaks every 500 ms at least: a broken one has shown by then.
            time.sleep(1)
        self.assertNotIn("link_lost", self.cluster.log_of("node1")[before:])

    def test_noise_at_the_port_for_nodes_keeps_no_request_from_its_answer(self):
        before = self.percentile_of_a_crowd(NOISE_S)
        noise = subprocess.Popen([sys.executable, NOISE, str(NOISE_CONNECTIONS), str(self.caf_port("node1")),
                                  str(self.caf_port("node2"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(noise.kill)
        during = self.percentile_of_a_crowd(NOISE_S)
        made = json.loads(noise.communicate()[0])
        print(f"\np99 {before * 1000:.0f} ms, {during * 1000:.0f} ms under noise on {NOISE_CONNECTIONS} connections "
              f"({made['bytes'] / 1e6:.1f} MB, {sum(made['connections'])} connections)", flush=True)
        self.assertTrue(all(made["connections"]))
        self.assert_answered_in_time(self.crowd.history)
        self.assert_sound(self.cluster, self.crowd)

    def percentile_of_a_crowd(self, seconds):
        first = len(self.crowd.history.moments)
        self.crowd.start()
        time.sleep(seconds)
        self.crowd.stop()
        return statistics.quantiles((moment.took_s for moment in self.crowd.history.moments[first:]), n=100)[98]

    # ── other nodes ──
    def test_a_node_of_another_cluster_is_refused_and_both_say_so(self):
        """Its own database says that our node is one of its own."""
        database = self.make_postgres()
        other = self.cluster.start_stranger("node2", database.url(), cluster_name="other")
        other.migrate()
        node1 = self.cluster.lives()["node1"]
        self.psql(database, "insert into node (name, caf, lease_until, state) values "
                            f"('node1', '127.0.0.1:{self.caf_port()}', clock_timestamp() + interval '1 hour', 2)")
        before = self.cluster.log_of("node1")
        other.start()
        self.wait_until(lambda: re.search(FOREIGN, self.cluster.log_of("node1")[len(before):]), LOG_LIMIT_S,
                        "node1 does not say so")
        self.wait_until(lambda: re.search(f"refused by node1.*{FOREIGN}", other.log()), LOG_LIMIT_S,
                        f"the other does not say so:\n{other.log()}")
        other.stop()
        self.assertNotIn("link_lost", self.cluster.log_of("node1")[len(before):])
        self.assertEqual(self.cluster.lives()["node1"], node1)
        self.assertTrue(self.cluster.is_spread())

    def psql(self, database, statement):
        self.assertEqual(subprocess.run(["psql", "-qX", database.url(), "-c", statement]).returncode, 0)

    def test_two_nodes_of_the_same_name_spoil_nothing(self):
        """They are two incarnations: each has its own shards, whoever is asked."""
        twin = self.cluster.start_stranger("node2", self.cluster.database_url(postgres.APP)).start()
        self.wait_until(twin.is_ready, cluster_support.SERVES_LIMIT_S, f"it does not serve:\n{twin.log()}")
        self.crowd.start()
        time.sleep(3)
        twin.stop()
        self.crowd.stop()
        self.cluster.wait_spread()
        self.assert_sound(self.cluster, self.crowd)


if __name__ == "__main__":
    unittest.main()
