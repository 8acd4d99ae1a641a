"""Letters about payouts: files by default, or by SMTP to a real server that takes them, refuses, hangs or hangs up. Whatever
it does, each letter leaves or is given up, and nobody's payout waits for it."""

import collections
import email
import email.header
import email.policy
import email.utils
import ssl
import subprocess
import threading

import company
import support

from smtp_server import Server  # test/support, where support.py has pointed to

NAMES = ["Jürgen Müller, älter", 'Polly "the Beak" Parrot', "Пётр Попугаев, старший", "インコ・太郎", "Coco; Rio: <x@y>",
         "=?UTF-8?Q?Not=0Aencoded?=", "🦜" * 200, "back\\slash\\"]
LETTER_LIMIT_S = 60
# One reward is more than all fees of a worker.
PRICES = {"ATES_EXCHANGE_FEE_MIN": "1", "ATES_EXCHANGE_FEE_MAX": "1",
          "ATES_EXCHANGE_REWARD_MIN": "500", "ATES_EXCHANGE_REWARD_MAX": "500"}


def display_name(content):
    """As RFC 2047 has it: Python's newer parser puts spaces between encoded words."""
    phrase, _ = email.utils.parseaddr(email.message_from_bytes(content)["To"])
    return str(email.header.make_header(email.header.decode_header(phrase)))


def parsed(content):
    return email.message_from_bytes(content, policy=email.policy.default)


class Letters(support.SystemTest):
    def start_company(self, names, **settings):
        """As many workers, each of whom has earned something; `settings` are those of mail."""
        environment = {f"ATES_MAIL_{key.upper()}": str(value) for key, value in settings.items()}
        environment |= PRICES | {"ATES_CLOCK_OFFSET": str(company.noon_offset())}
        staff = company.Company(self.start_node(environment=environment))
        self.earn(staff, names)
        return staff

    def earn(self, staff, names):
        for number, name in enumerate(names):
            person = {"name": name, "login": f"worker{number}", "email": f"worker{number}@example.org", "role": "worker",
                      "password": company.PASSWORD}
            staff.people.append(staff.admin.post("/employees", person).expect(201))
        staff.post_tasks([f"Task {number}" for number in range(8 * len(names))])
        for person in staff.people:
            staff.client(person).post(f"/tasks/{staff.task_of(person)['id']}/complete").expect(200)
        owed = collections.Counter()
        for task in staff.tasks().values():
            owed[task["assignee"]["id"]] += (task["reward"] if task["status"] == "done" else 0) - task["fee"]
        staff.settle(owed)
        self.assertEqual(set(owed), {person["id"] for person in staff.people})
        self.assertGreater(min(owed.values()), 0)
        self.owed = dict(owed)

    def start_server(self, behave=None, **options):
        server = Server(behave, **options)
        self.addCleanup(server.discard)
        return server

    def wait_mails(self, staff, day, sent, failed=0):
        expected = {"queued": 0, "sent": sent, "failed": failed}
        seen = []

        def over():
            seen[:] = [staff.admin.get(f"/payouts/{day}").expect(200)["mails"]]
            self.assertEqual(sum(seen[0].values()), sent + failed)
            return seen[0]["queued"] == 0
        self.wait_until(over, LETTER_LIMIT_S, f"still {seen}")
        self.assertEqual(seen[0], expected)

    def check_letter(self, staff, content, day):
        """Returns the account it was for."""
        message = parsed(content)
        address = message["To"].addresses[0]
        person = next(p for p in staff.people if p["email"] == address.addr_spec)
        self.assertEqual(len(message["To"].addresses), 1)
        self.assertEqual(display_name(content), person["name"])
        self.assertIn(day, message["Message-ID"])
        self.assertIn(person["id"], message["Message-ID"])
        self.assertEqual(sorted(message.keys()), sorted(
            ["Date", "From", "To", "Message-ID", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type",
             "Content-Transfer-Encoding"]))
        amount = self.owed[person["id"]]
        self.assertEqual(message.get_content().splitlines()[:3],
                         [f"Dear {person['name']},", "", f"for {day} you are paid {amount // 100}.{amount % 100:02}."])
        self.assertEqual(message.defects, [])
        return person["id"]

    def test_letters_are_files_by_default(self):
        staff = self.start_company(NAMES)
        day = staff.close_day()["day"]
        self.wait_mails(staff, day, len(self.owed))
        files = staff.node.letters(day)
        self.assertEqual([file.name for file in files], sorted(f"{owner}.eml" for owner in self.owed))
        for file in files:
            self.assertEqual(f"{self.check_letter(staff, file.read_bytes(), day)}.eml", file.name)
        self.wait_until(lambda: staff.node.metric("ates_mails_sent_total") == len(self.owed), LETTER_LIMIT_S, "not counted")
        staff.node.verify()

    def test_letters_by_smtp_arrive_as_they_were_written(self):
        server = self.start_server()
        staff = self.start_company(NAMES, transport="smtp", smtp_url=server.url)
        day = staff.close_day()["day"]
        self.wait_mails(staff, day, len(self.owed))
        arrived = [self.check_letter(staff, content, day) for _, content, _ in server.letters]
        self.assertEqual(sorted(arrived), sorted(self.owed))
        for recipients, content, _ in server.letters:
            self.assertEqual(recipients, [parsed(content)["To"].addresses[0].addr_spec])
        staff.node.verify()

    def test_tls_is_used_where_it_is_offered_and_the_login_is_given(self):
        node = self.make_node()
        key, certificate, password = (node.folder / name for name in ("key.pem", "certificate.pem", "password"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
        password.write_text("s3cret\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        login = {"authenticator": lambda *arguments: server.authenticate(*arguments), "auth_required": True}
        server = self.start_server(tls_context=context, **login)
        node.environment |= {"ATES_MAIL_TRANSPORT": "smtp", "ATES_MAIL_SMTP_URL": server.url, "ATES_MAIL_SMTP_USER": "ates",
                             "ATES_MAIL_SMTP_PASSWORD_FILE": str(password),
                             "ATES_CLOCK_OFFSET": str(company.noon_offset()), **PRICES}
        staff = company.Company(node.start())
        self.earn(staff, ["Polly", "Coco"])
        self.wait_mails(staff, staff.close_day()["day"], len(self.owed))
        self.assertEqual({over_tls for _, _, over_tls in server.letters}, {True})
        self.assertEqual(set(server.logins), {(b"ates", b"s3cret")})

    def test_refused_letters_are_tried_again_and_then_given_up(self):
        ids = collections.defaultdict(set)

        def behave(recipient, message_id, tries):
            ids[recipient].add(message_id)
            if recipient == "worker0@example.org":
                return "550 never"
            if recipient == "worker1@example.org":
                return "451 not now"
            if recipient == "worker2@example.org" and tries == 1:
                return Server.HANG_UP
            if recipient == "worker3@example.org" and tries < 3:
                return "452 a little later"
            return "250 OK"
        server = self.start_server(behave)
        staff = self.start_company([f"Worker {number}" for number in range(6)], transport="smtp", smtp_url=server.url,
                                   max_attempts=3)
        run = staff.close_day()
        self.assertEqual((run["accounts_paid"], run["total_paid"]), (len(self.owed), sum(self.owed.values())))
        self.wait_mails(staff, run["day"], 4, 2)
        self.assertEqual(server.tries, {f"worker{number}@example.org": tries
                                        for number, tries in enumerate([3, 3, 2, 3, 1, 1])})
        self.assertEqual({len(one) for one in ids.values()}, {1}, "every try has the same Message-ID")
        self.assertEqual(sorted(recipients[0] for recipients, _, _ in server.letters),
                         [f"worker{number}@example.org" for number in range(2, 6)])
        log = staff.node.daemon_log()
        self.assertNotIn("@example.org", log)
        staff.node.verify()

    def test_a_server_that_hangs_holds_up_nothing(self):
        hanging = threading.Event()
        hanging.set()
        server = self.start_server(lambda *_: Server.HANG if hanging.is_set() else "250 OK")
        staff = self.start_company([f"Worker {number}" for number in range(8)], transport="smtp", smtp_url=server.url)
        run = staff.close_day()
        self.assertEqual((run["accounts_paid"], run["total_paid"]), (len(self.owed), sum(self.owed.values())))
        self.wait_until(lambda: server.tries, LETTER_LIMIT_S, "no letter was tried")
        staff.admin.post("/tasks", {"title": "While it hangs"}).expect(201)
        self.assertEqual(staff.admin.get(f"/payouts/{run['day']}").expect(200)["mails"]["queued"], len(self.owed))
        staff.node.stop()  # insists on its time
        hanging.clear()
        staff.node.start()
        staff.admin = staff.node.admin()
        self.wait_mails(staff, run["day"], len(self.owed))
        staff.node.verify()

    def test_no_letter_is_lost_when_the_daemon_is_killed_while_they_leave(self):
        server = self.start_server(lambda *_: (0.1, "250 OK"))
        staff = self.start_company([f"Worker {number}" for number in range(16)], transport="smtp", smtp_url=server.url)
        day = staff.close_day()["day"]
        for enough in (2, 5):
            self.wait_until(lambda: len(server.letters) >= enough, LETTER_LIMIT_S, "no letter came")
            staff.node.kill_daemon()
            self.wait_until(lambda: staff.node.ready_status() == 200, 30, "not back")
        self.wait_mails(staff, day, len(self.owed))
        ids = collections.defaultdict(set)
        for _, content, _ in server.letters:
            ids[self.check_letter(staff, content, day)].add(parsed(content)["Message-ID"])
        self.assertEqual(set(ids), set(self.owed))
        self.assertEqual({len(one) for one in ids.values()}, {1}, "what came twice can be recognised")
        staff.node.verify()
