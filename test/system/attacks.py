"""Requests that must be refused before anything reads them: each with what is wrong, its bytes, and the status and code that
contract.md §3 gives it. What follows such a request on the same connection must never be executed."""

import collections

Attack = collections.namedtuple("Attack", "what sent status code")

JSON = "Content-Type: application/json\r\n"
BAD, LENGTH, LARGE, TYPE, HEADERS, TARGET = ((400, "bad_request"), (411, "length_required"), (413, "too_large"),
                                             (415, "unsupported_media_type"), (431, "headers_too_large"),
                                             (414, "uri_too_long"))


def request(line, headers="", body=b"", host="Host: h\r\n", version="HTTP/1.1"):
    return f"{line} {version}\r\n{host}{headers}\r\n".encode("latin-1") + body


def creation(token, title):
    """A whole and good request that makes a task of this title."""
    body = b'{"title":"%s"}' % title.encode()
    headers = f"Authorization: Bearer {token}\r\n{JSON}Content-Length: {len(body)}\r\n"
    return request("POST /v1/tasks", headers, body)


def chunked(body):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def all_of(token, hidden):
    """`hidden`: the request that some of them carry behind, or within, their own body."""
    signed = f"Authorization: Bearer {token}\r\n"
    return [Attack(what, sent, *refusal) for table in (framing, heads, protocols, bodies, sizes)
            for what, sent, refusal in table(signed, hidden)]


def framing(signed, hidden):
    """Two readers could take these bodies to end at different places."""
    inside = b'{"title":"x"}'

    def post(headers, body=b""):
        return request("POST /v1/tasks", signed + JSON + headers, body)

    yield "two different lengths", post("Content-Length: 0\r\nContent-Length: 9\r\n", hidden), BAD
    yield "two equal lengths", post("Content-Length: 0\r\ncontent-length: 0\r\n", hidden), BAD
    for length in ("0, 0", "13,13", "+13", "-13", "0x0", "1e1", "13.0", "1 3", "13;", "", "\xb9", "13\x0b", "thirteen"):
        yield f"a length of {length!r}", post(f"Content-Length: {length}\r\n", inside + hidden), BAD
    yield "a length beyond 64 bits", post("Content-Length: 99999999999999999999999\r\n", hidden), LARGE
    yield "a length of 2^64 and a bit", post("Content-Length: 18446744073709551629\r\n", inside + hidden), LARGE
    yield "a length and chunks", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + hidden), LENGTH
    yield "chunks and a length", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n" + hidden), LENGTH
    for coding in ("chunked", "Chunked", "identity", "xchunked", "gzip, chunked", "chunked, identity", "", '"chunked"'):
        yield f"the coding {coding!r}", post(f"Transfer-Encoding: {coding}\r\n", chunked(inside) + hidden), LENGTH
    yield "a coding behind a blank", post("Transfer-Encoding : chunked\r\n", chunked(inside) + hidden), BAD
    yield "a coding behind a control", post("Transfer-Encoding:\x0bchunked\r\n", chunked(inside) + hidden), BAD
    yield "a coding on a folded line", post("X: y\r\n Transfer-Encoding: chunked\r\n", chunked(inside) + hidden), BAD
    yield "a coding on a line of its own", post("Transfer-Encoding:\r\n chunked\r\n", chunked(inside) + hidden), BAD
    yield "a coding behind a bare line feed", post("X: y\nTransfer-Encoding: chunked\r\n", chunked(inside) + hidden), BAD
    yield "a length behind a blank", post("Content-Length : 13\r\n", inside + hidden), BAD
    yield "no length", post("", inside + hidden), LENGTH
    yield "no length and no type", request("POST /v1/tasks/assign", signed, hidden), LENGTH
    for method in ("GET", "HEAD", "DELETE"):
        length = f"Content-Length: {len(hidden)}\r\n"
        yield f"a body on {method}", request(f"{method} /v1/tasks", signed + length, hidden), BAD
        coded = request(f"{method} /v1/tasks", signed + "Transfer-Encoding: chunked\r\n", chunked(hidden))
        yield f"chunks on {method}", coded, LENGTH


def heads(signed, hidden):
    def get(headers="", line="GET /v1/me", host="Host: h\r\n"):
        return request(line, headers + signed, hidden, host)

    for what, headers in (("a folded line", "X: a\r\n b\r\n"), ("a folded line by a tab", "X: a\r\n\tb\r\n"),
                          ("a blank before the colon", "X : a\r\n"), ("no colon", "Nothing\r\n"),
                          ("no name", ": a\r\n"), ("a blank in a name", "X y: a\r\n"), ("a control in a name",
                                                                                        "X\x01: a\r\n"),
                          ("a name beyond ASCII", "X\xe9: a\r\n"), ("a bracket in a name", "X(a): b\r\n"),
                          ("a bare line feed", "X: a\nY: b\r\n"), ("a bare carriage return", "X: a\rY: b\r\n"),
                          ("a NUL in a value", "X: a\0b\r\n"), ("a NUL in a name", "X\0: a\r\n"),
                          ("a control in a value", "X: a\x07b\r\n"), ("a DEL in a value", "X: a\x7fb\r\n"),
                          ("two tokens", "Authorization: Bearer x\r\n"), ("another expectation", "Expect: money\r\n")):
        yield what, get(headers), BAD
    yield "a blank before the first header", get(host=" Host: h\r\n"), BAD
    yield "no host", get(host=""), BAD
    yield "two hosts", get(host="Host: a\r\nHost: b\r\n"), BAD
    for name, value in (("Idempotency-Key", "k"), ("Content-Type", "application/json")):
        twice = f"{name}: {value}\r\n{name}: {value}\r\nContent-Length: 0\r\n"
        yield f"two of {name}", request("POST /v1/tasks/assign", signed + twice, hidden), BAD
    for what, line in (("a NUL in the target", "GET /v1/me\0"), ("a control in the target", "GET /v1/\x01me"),
                       ("a blank in the target", "GET /v1/me x"), ("a tab for a blank", "GET\t/v1/me"),
                       ("two blanks", "GET  /v1/me"), ("bytes beyond ASCII in the target", "GET /v1/m\xe9"),
                       ("a relative target", "GET v1/me"), ("no target", "GET "), ("another scheme", "GET ftp://h/v1/me"),
                       ("a host for a target", "CONNECT h:443"), ("an asterisk", "GET *"),
                       ("a method that is no token", "G@T /v1/me"), ("an endless method", "G" * 64 + " /v1/me")):
        yield what, get(line=line), BAD
    yield "a first line that ends with a line feed only", b"GET /v1/me HTTP/1.1\nHost: h\n\n" + hidden, BAD


def protocols(signed, hidden):
    for version in ("HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3", "HTTP/01.1", "http/1.1", "HTTP/1.1 ", "HTTP/1", "HTTP",
                    "ICY"):
        yield f"version {version!r}", request("GET /v1/me", signed, hidden, version=version), BAD
    yield "no version", b"GET /v1/me\r\n\r\n" + hidden, BAD
    yield "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), BAD
    yield "a TLS greeting", bytes.fromhex("16030100c8010000c40303") + bytes(range(32, 96)), BAD
    yield "a SOCKS greeting", b"\x05\x01\x00", BAD
    yield "a PROXY line", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + request("GET /v1/me", signed, hidden), BAD
    yield "empty lines", b"\r\n" * 50 + hidden, BAD
    yield "rubbish", bytes(range(128, 256)) * 8 + b"\r\n\r\n" + hidden, BAD


def bodies(signed, hidden):
    inside = b'{"title":"x"}'

    def post(headers):
        return request("POST /v1/tasks", f"{signed}{headers}Content-Length: {len(inside)}\r\n", inside + hidden)

    for coding in ("gzip", "identity", "br, gzip"):
        yield f"the content coding {coding}", post(f"{JSON}Content-Encoding: {coding}\r\n"), TYPE
    yield "a form", post("Content-Type: multipart/form-data; boundary=x\r\n"), TYPE


def sizes(signed, hidden):
    def declares(path, size):
        return request(f"POST {path}", f"{signed}{JSON}Content-Length: {size}\r\n")

    yield "a byte over 1 MiB", declares("/v1/tasks", 2**20 + 1) + hidden, LARGE
    yield "10 MB", declares("/v1/tasks", 10**7) + b'{"title":"' + b"x" * 10**7, LARGE
    yield "10 MB to sign in", declares("/v1/auth", 10**7) + b'{"login":"' + b"x" * 10**7, LARGE
    yield "a batch over 16 MiB", declares("/v1/tasks/batch", 2**24 + 1) + b'{"tasks":[' + b"x" * 2**20, LARGE
    lines = "".join(f"X-{number}: 1\r\n" for number in range(65))
    yield "65 headers and more", request("GET /v1/me", signed + lines, hidden), HEADERS
    yield "200 headers", request("GET /v1/me", signed + "X: 1\r\n" * 200, hidden), HEADERS
    yield "a line over 8 KiB", request("GET /v1/me", signed + "X: " + "a" * 8190 + "\r\n", hidden), HEADERS
    yield "a name over 8 KiB", request("GET /v1/me", signed + "X" * 9216 + ": a\r\n", hidden), HEADERS
    yield "a token over 8 KiB", request("GET /v1/me", "Authorization: Bearer " + "a" * 9216 + "\r\n", hidden), HEADERS
    yield "a target over 8 KiB", request("GET /" + "a" * 8192, signed, hidden), TARGET
    yield "a query over 8 KiB", request("GET /v1/tasks?q=" + "a" * 9000, signed, hidden), TARGET


def floods(signed):
    """Heads without end: beyond what the edge reads at all."""
    yield Attack("a header without end", f"GET /v1/me HTTP/1.1\r\n{signed}X: ".encode() + b"a" * 2**20, *HEADERS)
    yield Attack("headers without end", f"GET /v1/me HTTP/1.1\r\n{signed}".encode() + b"X: 1\r\n" * 20_000, *HEADERS)
    yield Attack("a target without end", b"GET /" + b"a" * 2**20, *TARGET)
    yield Attack("a name without end", b"GET / HTTP/1.1\r\n" + b"a" * 2**20, *HEADERS)
