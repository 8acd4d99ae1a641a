"""What commands ask of the nodes themselves, as admin, over their own HTTP ports: GET /v1/cluster and its like."""

import http.client
import json
import os
import time
import urllib.parse
import uuid

from kept import Failure

ANSWER_LIMIT_S = 6.0  # http.deadline and a little
RETRY_FOR_S = 10.0
PAGE = 500


class NodeApi:
    """Asks the first of `urls` that answers. The token is kept for the next command, since each sign-in is an event."""

    def __init__(self, var, urls):
        self.var = var
        self.urls = urls
        self.token_file = var / "run" / "admin-token"

    def get(self, path):
        return self._request("GET", path)

    def list(self, path):
        items, cursor = [], None
        while True:
            page = self.get(f"{path}?limit={PAGE}" + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""))
            items += page["data"]
            cursor = page["next_cursor"]
            if not page["has_more"]:
                return items

    def post(self, path, body):
        """Repeats what was refused for the moment, with the same key."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        until = time.monotonic() + RETRY_FOR_S
        while True:
            try:
                return self._request("POST", path, body, headers)
            except Unavailable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    def _request(self, method, path, body=None, headers=None):
        def send():
            return self._send(method, path, body, {"Authorization": f"Bearer {self._token()}", **(headers or {})})
        status, answer = send()
        if status == 401:
            self.token_file.unlink(missing_ok=True)
            status, answer = send()
        if status >= 300:
            raise Failure(f"{method} {path}: {answer.get('title', status)}: {answer.get('detail', '')}")
        return answer

    def _token(self):
        if self.token_file.exists() and time.time() - self.token_file.stat().st_mtime < 240:
            return self.token_file.read_text()
        status, answer = self._send("POST", "/v1/auth", {"login": "admin", "password": self._password()}, {})
        if status != 200:
            raise Failure("admin cannot sign in with the password of the first start; if it has been changed, give the "
                          "present one in ATES_ADMIN_PASSWORD")
        fresh = self.token_file.with_name(f"admin-token.{os.getpid()}")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(answer["access_token"])
        fresh.rename(self.token_file)
        return answer["access_token"]

    def _password(self):
        given = os.environ.get("ATES_ADMIN_PASSWORD")
        file = self.var / "admin-password"
        if not given and not file.exists():
            raise Failure("give admin's password in ATES_ADMIN_PASSWORD")
        return given or file.read_text().strip()

    def _send(self, method, path, body, headers):
        """Status and JSON of the first node that can answer; Unavailable if none can."""
        why = "no node is running"
        content = None if body is None else json.dumps(body)
        for url in self.urls:
            connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=ANSWER_LIMIT_S)
            try:
                connection.request(method, path, content, {**headers, "Content-Type": "application/json"} if body else headers)
                response = connection.getresponse()
                answer = json.loads(response.read() or "{}")
                if response.status != 503:
                    return response.status, answer
                why = answer.get("detail", "unavailable")
            except (OSError, http.client.HTTPException, ValueError) as error:
                why = f"{url}: {error}"
            finally:
                connection.close()
        raise Unavailable(f"no node answers: {why}")


class Unavailable(Failure):
    """Nobody can answer at the moment."""


def is_ready(url):
    """Whether the node (or the edge) at `url` says that it serves."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
