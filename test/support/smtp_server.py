"""A real SMTP server that takes letters, refuses them, hangs or hangs up, as it is told."""

import asyncio
import collections
import email
import threading

from aiosmtpd.smtp import SMTP, AuthResult


class Server:
    """An SMTP server. `behave(recipient, message_id, tries)` is asked for each letter, with the number of tries up to now, and
    answers a reply line; HANG, HANG_UP or TAKE_AND_HANG instead of one. What was taken, so that a reader gets it, stands
    in `letters`."""

    HANG, HANG_UP, TAKE_AND_HANG = "hang", "hang up", "take and hang"

    def __init__(self, behave=None, **options):
        self.behave = behave or (lambda *_: "250 OK")
        self.tries = collections.Counter()  # per recipient
        self.letters = []  # (envelope recipients, content, was it over TLS)
        self.logins = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        made = self.loop.create_server(lambda: SMTP(self, enable_SMTPUTF8=True, loop=self.loop, **options), "127.0.0.1", 0)
        self.server = asyncio.run_coroutine_threadsafe(made, self.loop).result()
        self.url = "smtp://127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]

    async def handle_DATA(self, server, session, envelope):
        recipient = envelope.rcpt_tos[0]
        self.tries[recipient] += 1
        message_id = email.message_from_bytes(envelope.content)["Message-ID"]
        answer = self.behave(recipient, message_id, self.tries[recipient])
        if answer == self.TAKE_AND_HANG:
            self.letters.append((envelope.rcpt_tos, envelope.content, session.ssl is not None))
        if answer in (self.HANG, self.TAKE_AND_HANG):
            await asyncio.Event().wait()
        if answer == self.HANG_UP:
            server.transport.abort()
            return "451 nobody hears this"
        if isinstance(answer, tuple):
            await asyncio.sleep(answer[0])
            answer = answer[1]
        if answer.startswith("250"):
            self.letters.append((envelope.rcpt_tos, envelope.content, session.ssl is not None))
        return answer

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"s3cret")

    def discard(self):
        async def end():
            self.server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
