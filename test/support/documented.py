"""Compares answers with the OpenAPI document that the build makes: status, media type, headers, body.

    documented.check("GET", "/v1/tasks?limit=5", None, 200, headers, body)    raises AssertionError that says what differs

What every path has besides its operations (HEAD, OPTIONS, 405, paths that do not exist) is known here, as the document's
description tells it."""

import collections
import functools
import json
import pathlib
import re
import urllib.parse

import jsonschema

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "openapi.json"
# Of the connection, not of the operation.
WIRE_HEADERS = {"date", "connection", "content-length", "content-type", "keep-alive"}
# Its items may be bad: each is answered for itself.
UNCHECKED_REQUESTS = {"createTasks"}
# Looking at a body takes as long as asking for it. So that this does not slow down tests with many clients, of the same good
# answer only the first so many are looked at whole, and then one in ten; of long lists, the items at both ends.
ALWAYS_LOOKED_AT = 200
ONE_IN = 10
LIST_ENDS = 10


@functools.cache
def document():
    if not DOCUMENT.exists():  # not a FileNotFoundError, which is an OSError: clients take that for a node that is away
        raise RuntimeError(f"{DOCUMENT} is missing: build the target openapi")
    return json.loads(DOCUMENT.read_text())


def check(method, target, request, status, headers, body):
    """One answer: `request` and `body` are bytes, `headers` a mapping that finds names however they are spelt."""
    path = urllib.parse.urlsplit(target).path
    item = _find(path)
    where = f"{method} {path} → {status}"
    problem = _problem()
    if item is None:
        _expect(status in (400, 401, 404, 503), where, "the path is not documented")
        _check_answer(where, problem, headers, body)
        return
    operation = item.get("get" if method == "HEAD" else method.lower())
    if method == "OPTIONS":
        _expect((status, headers.get("Allow")) == (204, _allow(item)), where, f"Allow: {headers.get('Allow')}")
    elif operation is None:
        _expect((status, headers.get("Allow")) == (405, _allow(item)), where, f"the method is not documented: {body[:300]}")
        _check_answer(where, problem, headers, body)
    else:
        _expect(str(status) in operation["responses"], where, f"the status is not documented: {body[:300]}")
        _check_answer(where, operation["responses"][str(status)], headers, None if method == "HEAD" else body)
        if request and status < 300 and operation["operationId"] not in UNCHECKED_REQUESTS:
            accepted = operation.get("requestBody", {"content": {}})["content"].get("application/json", {"schema": False})
            _validate(where + ", request", accepted["schema"], json.loads(request))


def _expect(holds, where, what):
    if not holds:
        raise AssertionError(f"not as documented: {where}: {what}")


# ── finding the operation ──
@functools.cache
def _paths():
    """Patterns of the documented paths, literal ones first."""
    found = []
    for template, item in document()["paths"].items():
        parameters = next(iter(item.values()))["parameters"]
        several = {one["name"] for one in parameters if one.get("x-several-segments")}
        pattern = re.sub(r"\\{(\w+)\\}", lambda name: ".+" if name[1] in several else "[^/]*", re.escape(template))
        found.append((template.count("{"), re.compile(pattern), item))
    return sorted(found, key=lambda one: one[0])


@functools.lru_cache(10_000)
def _find(path):
    decoded = urllib.parse.unquote(path)
    return next((item for _, pattern, item in _paths() if pattern.fullmatch(decoded)), None)


def _allow(item):
    served = [word for method in item for word in (["GET", "HEAD"] if method == "get" else [method.upper()])]
    return ", ".join([*served, "OPTIONS"])


# ── one answer ──
@functools.cache
def _problem():
    """An answer that belongs to no operation."""
    schema = document()["components"]["schemas"]["Problem"]
    return {"content": {"application/problem+json": {"schema": schema}}, "headers": None}


def _check_answer(where, response, headers, body):
    response = _resolve(response)
    if response["headers"] is not None:
        _check_headers(where, response["headers"], headers)
    if body is None:
        return
    content = response.get("content")
    if content is None:
        _expect(body == b"", where, f"a body is not documented: {body[:300]}")
        return
    media = headers.get("Content-Type", "").partition(";")[0].strip()
    _expect(media in content, where, f"the media type {media!r} is not documented: {body[:300]}")
    if media.endswith("json"):
        schema = content[media]["schema"]
        _seen[id(schema)] += 1
        if media == "application/json" and _seen[id(schema)] > ALWAYS_LOOKED_AT and _seen[id(schema)] % ONE_IN:
            return
        _validate(where, schema, _shortened(json.loads(body)))


_seen = collections.Counter()  # by the identity of the schema, which the document keeps alive


def _shortened(value):
    if isinstance(value, dict) and isinstance(value.get("data"), list) and len(value["data"]) > 2 * LIST_ENDS:
        return {**value, "data": value["data"][:LIST_ENDS] + value["data"][-LIST_ENDS:]}
    return value


def _check_headers(where, documented, headers):
    names = {name.lower() for name in documented} | WIRE_HEADERS
    unknown = {name for name in headers.keys() if name.lower() not in names}
    _expect(not unknown, where, f"headers are not documented: {unknown}")
    for name, header in documented.items():
        header = _resolve(header)
        value = headers.get(name)
        _expect(value is not None or not header.get("required"), where, f"the header {name} is missing")
        if value is not None:
            _validate(f"{where}, header {name}", header["schema"], value)


# ── schemas ──
def _resolve(node):
    """What a reference means; anything else is itself."""
    while "$ref" in node:
        kind, name = node["$ref"].removeprefix("#/components/").split("/")
        node = document()["components"][kind][name]
    return node


def _without_references(schema):
    """The same with everything in its place: ours have no cycles, and looking references up is slow."""
    if isinstance(schema, list):
        return [_without_references(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _without_references(value) for name, value in _resolve(schema).items()}


_validators = {}  # as _seen


def _validate(where, schema, value):
    if id(schema) not in _validators:
        _validators[id(schema)] = jsonschema.Draft202012Validator(_without_references(schema))
    fault = jsonschema.exceptions.best_match(_validators[id(schema)].iter_errors(value))
    if fault is not None:
        raise AssertionError(f"not as documented: {where}: {fault.json_path}: {fault.message}")
