"""A cluster at a glance: what the supervisor knows of the processes beside what the nodes say of themselves."""

from kept import Failure

COLUMNS = ("node", "process", "state", "shards", "actors", "beat", "pid", "http", "holds")
RIGHT = {"shards", "actors", "beat", "pid"}


def gather(facts, api):
    """All of it as plain data. `said` is None, and `unanswered` says why, when no node answers."""
    status = {**facts, "said": None, "shards": [], "unanswered": None}
    try:
        status["said"] = api.get("/v1/cluster")
        status["shards"] = api.list("/v1/cluster/shards")
    except Failure as failure:
        status["unanswered"] = str(failure)
    return status


def render(status):
    said = status["said"] or {"nodes": [], "shards_total": 0}
    latest = latest_incarnations(said)
    rows = [_row(node, latest.get(node["name"])) for node in status["nodes"]]
    known = {node["name"] for node in status["nodes"]}
    rows += [_row({"name": name, "process": "elsewhere"}, other) for name, other in latest.items() if name not in known]
    lines = table(COLUMNS, rows)
    lines += [f"{node['name']}: {node['failure']}" for node in status["nodes"] if node["failure"]]
    lines.append("")
    lines.append(f"edge {status['url']} (HAProxy {status['haproxy'] or 'restarting'}), "
                 f"PostgreSQL {status['postgresql'] or 'not ours'}, supervisor {status['supervisor']}")
    if status["unanswered"]:
        lines.append(f"What the nodes know is missing: {status['unanswered']}")
    if status["shards"]:
        lines += _shard_lines(status["shards"])
    return "\n".join(lines)


def latest_incarnations(said):
    """By name: a node that came again stands there once more for a while."""
    latest = {}
    for node in said["nodes"]:
        if node["name"] not in latest or node["incarnation"] > latest[node["name"]]["incarnation"]:
            latest[node["name"]] = node
    return latest


def is_spread(said, names):
    """Whether just the nodes `names` serve, and each has its even share of all shards."""
    serving = {name: node["shards"] for name, node in latest_incarnations(said).items() if node["state"] == "serving"}
    total, count = said["shards_total"], len(names)
    return set(serving) == set(names) and sum(serving.values()) == total and all(
        total // count <= shards <= -(-total // count) for shards in serving.values())


def table(columns, rows):
    width = {column: max(len(column), *(len(row[column]) for row in rows)) for column in columns}
    return ["  ".join(cells[column].rjust(width[column]) if column in RIGHT else cells[column].ljust(width[column])
                      for column in columns).rstrip()
            for cells in [{column: column for column in columns}, *rows]]


def _row(ours, said):
    said = said or {}
    row = {"node": ours["name"], "process": ours["process"], "state": said.get("state"), "shards": said.get("shards"),
           "actors": said.get("active_actors"), "pid": ours.get("pid", said.get("pid")),
           "http": ours.get("url", said.get("http")),
           "beat": f"{said['heartbeat_age_ms']} ms" if said else None, "holds": " ".join(said.get("holds", []))}
    if said.get("stale"):
        row["state"] += " (stale)"
    return {column: "-" if value is None else str(value) for column, value in row.items()}


def _shard_lines(shards):
    states = {}
    for shard in shards:
        states[shard["state"]] = states.get(shard["state"], 0) + 1
    lines = [f"{len(shards)} shards: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items()))]
    behind = max(shards, key=lambda shard: shard["lag"] or 0)
    lines.append(f"lag: {sum(shard['lag'] or 0 for shard in shards)} in all"
                 + (f", most in shard {behind['shard']}: {behind['lag']}" if behind["lag"] else "")
                 + f"; queued: {sum(shard['queue_depth'] or 0 for shard in shards)}"
                 + f"; at the gate: {sum(shard['gate_depth'] or 0 for shard in shards)}")
    return lines
