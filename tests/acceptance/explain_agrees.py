# SPDX-License-Identifier: Apache-2.0
"""explain_agrees.py WORK MESHD PAIRS SEED: `explain`, the proxy and a plain reference on random (file, request) pairs.

For each of many random files: it is applied; random requests go through the running proxies of three nodes; what these
decided is read from their answers and from the access log of both sides; the calling node is asked to explain each
request; and a reference that scans the file's lists says what must come out. Prints one line of counts as JSON.
"""
import http.client
import json
import os
import random
import re
import socket
import ssl
import sys
import time
from collections import Counter, defaultdict

WORK, MESHD, PAIRS, SEED = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
PER_FILE, BATCH = 1000, 40
CALLERS = ["service/shop", "service/batch", "node/n3"]  # of what runs on n1, n2 and n3
HTTP = ["a", "b", "c", "e"]
LISTEN = {"a": 9001, "b": 9002, "c": 9003, "d": 9004, "e": 9005}
# service -> (where it is called: node or address, port, tags); n9 has not joined
INSTANCES = {
    "a": [("n2", 18001, {"v": "1"}), ("n3", 18002, {"v": "2"}), ("n3", 18003, {"v": "2", "z": "x"}), ("n9", 18009, {"v": "9"})],
    "b": [("n1", 18004, {"v": "1"}), ("n2", 18005, {"v": "2"})],
    "c": [("n3", 18006, {})],
    "d": [("n2", 18007, {"v": "1"}), ("n3", 18008, {"v": "2"})],
    "e": [("", 18010, {"v": "1"})],
}
REGEXES = {"/x/.*": "/x/.*", "/xx?(/y)+": "/xx?(/y)+", ".*/y": ".*/y", "/y|/x": "/y|/x", "[0-9]+": "[0-9]+", "1?": "1?"}


# ---- a random file

class File:
    """One random file: what it says as values, and as text with one route or rule a line."""

    def __init__(self, r):
        self.r = r
        self.routes, self.rules = [], []
        self.default = "deny" if r.random() < 0.6 else "allow"
        sharing = 0.8 if r.random() < 0.5 else 0.0
        for n in range(r.randrange(60 if r.random() < 0.25 else 12)):
            self.routes.append(self.route("r%d" % n, sharing))
        for service in HTTP:
            if r.random() < 0.7:
                self.routes.append({**self.route("rest-" + service, 1.0), "service": service, "match": {}, "to": []})
        # The calling node looks for a server name only where a route does.
        self.routes.append({"name": "names", "service": "d", "match": {"sni": ["nobody.test"]}, "to": [], "act": {}})
        for n in range(r.randrange(2, 14)):
            self.rules.append(self.rule("p%d" % n))
        self.write()

    def some(self, least, most, make):
        return [make() for _ in range(self.r.randint(least, most))]

    def path(self):
        r = self.r
        out = "".join("/" + r.choice(["x", "y", "xx"]) for _ in range(r.randrange(4)))
        return out + "/" if not out or r.random() < 0.15 else out

    def value(self):
        r = self.r
        kind = "exact" if r.random() < 0.4 else r.choice(["exact", "prefix", "regex", "present", "absent"])
        if kind in ("present", "absent"):
            return {kind: True}
        return {kind: r.choice(["[0-9]+", "1?"]) if kind == "regex" else r.choice(["1", "2", "12", ""])}

    def match(self, service, sharing):
        r, m = self.r, {}
        if service == "d":
            if r.random() < 0.5:
                m["sni"] = self.some(1, 2, lambda: r.choice(["*.a.test", "*.b.a.test", "*.c.test", "*.test"]))
            elif r.random() < 0.5:
                m["tcp"] = True
        else:
            if r.random() >= sharing:
                kind = r.choice(["any", "exact", "prefix", "regex"])
                if kind == "regex":
                    m["path"] = {kind: r.choice(["/x/.*", "/xx?(/y)+", ".*/y", "/y|/x"])}
                elif kind != "any":
                    m["path"] = {kind: self.path()}
            if r.random() < 0.25:
                m["methods"] = self.some(1, 2, lambda: r.choice(["GET", "POST", "DELETE"]))
            if r.random() < (0.6 if sharing else 0.3):
                m["headers"] = {r.choice(["h", "k"]): self.value() for _ in range(r.randint(1, 2))}
            if r.random() < 0.15:
                m["query"] = {r.choice(["p", "q"]): self.value()}
            if r.random() < 0.15:
                m["host"] = self.some(1, 2, lambda: r.choice([service, service + ".default", "*.internal", "*.mesh.internal", "*.default"]))
        if r.random() < 0.25:
            m["from"] = self.some(1, 2, lambda: r.choice(CALLERS + ["*", "service/a", "node/n1"]))
        return m

    def arm(self, service):
        r, out = self.r, {}
        if r.random() < 0.2 and service != "d":
            out["service"] = service = r.choice(HTTP)
        if r.random() < 0.7 and service != "c":
            tags = r.choice([i[2] for i in INSTANCES[service]])
            out["tags"] = dict([r.choice(sorted(tags.items()))])
        if r.random() < 0.3:
            out["weight"] = r.randrange(4)
        return out

    def route(self, name, sharing):
        r = self.r
        service = r.choice(["a", "a", "a", "b", "b", "c", "d", "e"])
        m, act = self.match(service, sharing), {}
        to = self.some(1, 3, lambda: self.arm(service)) if r.random() < 0.5 else []
        if to and not sum(a.get("weight", 1) for a in to):
            to[0]["weight"] = 1
        chance = r.random()
        if service == "d":
            pass
        elif chance < 0.07:
            act, to = {"respond": {"status": r.choice([200, 204, 410, 503])}}, []
        elif chance < 0.14:
            act, to = {"redirect": {"status": r.choice([301, 302, 307, 308]), "host": "elsewhere.test"}}, []
        elif chance < 0.24:
            act = {"rewrite": {"path": {"replace_full": self.path()}}}
        elif chance < 0.34 and "prefix" in m.get("path", {}):
            act = {"rewrite": {"path": {"replace_prefix": self.path()}}}
        return {"name": name, "service": service, "match": m, "to": to, "act": act}

    def rule(self, name):
        r, what = self.r, {}
        if r.random() < 0.7:
            what["from"] = self.some(1, 2, lambda: r.choice(CALLERS + ["*", "service/a"]))
        if r.random() < 0.7:
            what["to"] = self.some(1, 2, lambda: r.choice(HTTP + ["d"]))
        if r.random() < 0.3:
            what["methods"] = self.some(1, 2, lambda: r.choice(["GET", "POST", "DELETE"]))
        if r.random() < 0.5:
            what["paths"] = self.some(1, 2, self.pattern)
        return {"name": name, "deny": r.random() < 0.4, "audit": r.random() < 0.25, "what": what}

    def pattern(self):
        r = self.r
        out = "".join("/" + r.choice(["x", "y", "xx", "*", "**", "x*"]) for _ in range(r.randrange(4)))
        return out + "/" if not out or r.random() < 0.1 else out

    def write(self):
        lines = ["version: 1", "mesh: { name: accept, trust_domain: accept.mesh }",
                 "defaults: { retries: { max: 0 } }", "services:"]
        for name, places in INSTANCES.items():
            all_ = []
            for node, port, tags in places:
                where = {"node": node, "bind": "127.0.1.%s" % node[1:], "port": port} if node else {"address": "127.0.1.1:%d" % port}
                all_.append({**where, **({"tags": tags} if tags else {})})
            lines.append("  %s: %s" % (name, json.dumps({"protocol": "tcp" if name == "d" else "http", "listen": LISTEN[name], "instances": all_})))
        lines += ["  shop: { instances: [{ node: n1, any_local: true }] }", "  batch: { instances: [{ node: n2, any_local: true }] }"]
        lines.append('telemetry: { access_log: { output: %s/access.json, only: "" } }' % WORK)
        self.r.shuffle(self.rules)
        lines.append("policy:")
        lines += [""] * self.r.randrange(3)
        self.default_line = len(lines) + 1
        lines.append("  default: %s" % self.default)
        lines.append("  rules:")
        for rule in self.rules:
            rule["line"] = len(lines) + 1
            lines.append("    - " + json.dumps({"name": rule["name"], "mode": "audit" if rule["audit"] else "enforce",
                                                "deny" if rule["deny"] else "allow": rule["what"]}))
        lines += [""] * self.r.randrange(3)
        lines.append("routes:")
        for route in self.routes:
            route["line"] = len(lines) + 1
            row = {"name": route["name"], "service": route["service"], **route["act"]}
            if route["match"]:
                row["match"] = route["match"]
            if route["to"]:
                row["to"] = route["to"]
            lines.append("  - " + json.dumps(row))
        self.text = "\n".join(lines) + "\n"


# ---- the reference: it knows no index, scans lists, and splits paths into lists

def segments(path):
    return path[1:].split("/")


def glob(text, pattern):
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None


def pattern_holds(t, p):
    if not p:
        return not t
    if p[0] == "**":
        return any(pattern_holds(t[n:], p[1:]) for n in range(len(t) + 1))
    return bool(t) and glob(t[0], p[0]) and pattern_holds(t[1:], p[1:])


def value_holds(m, there, value):
    if "present" in m:
        return there
    if "absent" in m:
        return not there
    if not there:
        return False
    if "exact" in m:
        return value == m["exact"]
    if "prefix" in m:
        return value.startswith(m["prefix"])
    return re.fullmatch(m["regex"], value) is not None


def host_holds(patterns, host):
    host = host.split(":")[0].rstrip(".").lower()
    return any(host == p or (p.startswith("*.") and host.endswith(p[1:]) and len(host) > len(p) - 1) for p in patterns)


def route_holds(m, q):
    if "from" in m and not any(f == "*" or f == q["from"] for f in m["from"]):
        return False
    if q["service"] == "d":
        return "sni" not in m or host_holds(m["sni"], q["sni"])
    if "host" in m and not host_holds(m["host"], q["host"]):
        return False
    if "path" in m:
        (kind, want), = m["path"].items()
        t, p = segments(q["path"]), segments(want)
        if kind == "prefix" and not p[-1]:
            p.pop()
        if not {"exact": q["path"] == want, "prefix": t[:len(p)] == p, "regex": re.fullmatch(want, q["path"])}[kind]:
            return False
    if "methods" in m and q["method"] not in m["methods"]:
        return False
    if not all(value_holds(v, n in q["headers"], q["headers"].get(n)) for n, v in m.get("headers", {}).items()):
        return False
    return all(value_holds(v, n in q["parameters"], q["parameters"].get(n)) for n, v in m.get("query", {}).items())


def rule_holds(rule, service, path, q):
    what = rule["what"]
    if "to" in what and service not in what["to"]:
        return False
    if "from" in what and "*" not in what["from"] and q["from"] not in what["from"]:
        return False
    if q["service"] == "d" and ("methods" in what or "paths" in what):
        return rule["deny"]
    if "methods" in what and q["method"] not in what["methods"]:
        return False
    return "paths" not in what or any(pattern_holds(segments(path), segments(p)) for p in what["paths"])


def judge(file, service, path, q, audit):
    """(verdict, name, line) of the first rule that decides: deny, then allow, then the default."""
    for deny in (True, False):
        for rule in file.rules:
            if rule["deny"] == deny and (audit or not rule["audit"]) and rule_holds(rule, service, path, q):
                return ("deny" if deny else "allow", rule["name"], rule["line"])
    return (file.default, "default", file.default_line)


def expected(file, q):
    """What must come out: {"route", "line", "answer": status} or {"route", "line", "arms": {service: (verdict, …)}}."""
    mine = [r for r in file.routes if r["service"] == q["service"]]
    route = next((r for r in mine if route_holds(r["match"], q)), None)
    if mine and route is None:
        return {"route": None}
    act, path = (route or {"act": {}})["act"], q["path"]
    out = {"route": route["name"] if route else "-", "line": route["line"] if route else 5 + list(INSTANCES).index(q["service"])}
    for answer in ("respond", "redirect"):
        if answer in act:
            return {**out, "answer": act[answer]["status"]}
    change = act.get("rewrite", {}).get("path", {})
    if "replace_full" in change:
        path = change["replace_full"]
    if "replace_prefix" in change:
        rest = segments(path)[len([s for s in segments(route["match"]["path"]["prefix"]) if s]):]
        kept = change["replace_prefix"]
        path = kept.rstrip("/") + "/" + "/".join(rest) if rest else kept
    out["arms"] = {}
    for arm in (route and route["to"]) or [{}]:
        if arm.get("weight", 1):
            service = arm.get("service", q["service"])
            enforced, audited = judge(file, service, path, q, False), judge(file, service, path, q, True)
            rule = next((r for r in file.rules if r["name"] == audited[1]), None)
            out["arms"][service] = (*enforced, audited if rule and rule["audit"] else None)
    return out


# ---- a random request, and what three say about it

def write_path(r, path):
    """The same path in another spelling, or as it is."""
    chance = r.random()
    if chance > 0.2:
        return path
    return ["/." + path, "/q/.." + path, "/" + path, path.replace("x", "%78", 1), path.replace("/y", "/%79", 1), "//q%2e/../" + path[1:]][r.randrange(6)]


def make_request(r, file, ident):
    q = {"id": ident, "node": r.randrange(3)}
    q["from"] = CALLERS[q["node"]]
    if r.random() < 0.02:
        q.update(service="d", sni="%s.%s" % (ident, r.choice(["a.test", "b.a.test", "c.test"])), path="", method="", headers={}, parameters={})
        return q
    q["service"] = r.choice(["a", "a", "b", "b", "c", "e"])
    name = q["service"].upper() if r.random() < 0.1 else q["service"]
    q["host"] = name + r.choice(["", "", "", ".default", ".mesh.internal", ".default.mesh.internal", ".default.mesh.internal.", ":80"])
    q["port"] = LISTEN[q["service"]] if r.random() < 0.2 else 15080
    q["method"] = r.choice(["GET", "POST", "DELETE"])
    q["path"] = file.path()
    q["headers"], q["parameters"] = {}, {}
    if r.random() < 0.4:
        q["headers"]["h"] = r.choice(["1", "2", "12", ""])
    if r.random() < 0.2:
        q["headers"]["k"] = r.choice(["1", ""])
    query = []
    for _ in range(r.randrange(3)):
        name, (raw, value) = r.choice("pqr"), r.choice([("1", "1"), ("%31", "1"), ("2", "2"), ("1%32", "12"), ("", ""), ("x%2f", "x/")])
        query.append("%s=%s" % (name, raw))
        q["parameters"].setdefault(name, value)
    q["target"] = write_path(r, q["path"]) + ("?" + "&".join(query) if query else "")
    return q


class Pipe:
    """One HTTP/1.1 connection; many requests at once, their answers in order."""

    def __init__(self, sock):
        self.sock, self.file = sock, sock.makefile("rb", 256 * 1024)

    def ask(self, requests):
        self.sock.sendall(b"".join(requests))
        return [self.answer() for _ in requests]

    def answer(self):
        status = int(self.file.readline().split()[1])
        fields = {}
        while (line := self.file.readline()) != b"\r\n":
            name, value = line.split(b":", 1)
            fields[name.lower()] = value.strip()
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            body = b""
            while size := int(self.file.readline(), 16):
                body += self.file.read(size + 2)[:-2]
            self.file.readline()
        else:
            body = self.file.read(int(fields.get(b"content-length", 0)))
        return status, fields.get(b"x-meshd-error", b"").decode(), body


def hello(name):
    """The ClientHello that asks for this server name."""
    context = ssl.create_default_context()
    out = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class Mesh:
    def __init__(self):
        self.pipes, self.admins = {}, []
        for n in (1, 2, 3):
            admin = socket.socket(socket.AF_UNIX)
            admin.connect("%s/s%d/admin.sock" % (WORK, n))
            self.admins.append(Pipe(admin))
        self.log = None
        self.lines = {}  # (side, id) -> line
        self.opaque = Counter()  # inbound lines of bytes, which carry no name of ours: (source, service, place, denied)

    def admin(self, node, method, path, body=None):
        text = json.dumps(body).encode() if body else b""
        head = "%s %s HTTP/1.1\r\nhost: admin\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (method, path, len(text))
        return self.admins[node].ask([head.encode() + text])[0]

    def apply(self, file):
        status, _, body = self.admin(0, "POST", "/v1/apply", {"yaml": file.text, "message": "random"})
        if status >= 300:
            sys.exit("apply: %d %s\n%s" % (status, body.decode(), file.text))
        self.revision = json.loads(body)["revision"]
        while not json.loads(self.admin(0, "GET", "/v1/revisions/%d/acks?wait=5000" % self.revision)[2])["done"]:
            pass
        if self.log:
            os.truncate(self.log.name, 0)
            self.log.seek(0)
        self.lines.clear()
        self.opaque.clear()

    def pipe(self, node, port):
        if (node, port) not in self.pipes:
            self.pipes[node, port] = Pipe(socket.create_connection(("127.0.1.%d" % (node + 1), port), 10))
        return self.pipes[node, port]

    def send(self, requests):
        """Each request through the proxy of its node; sets q["status"], q["error"], q["body"]."""
        lanes = defaultdict(list)
        for q in requests:
            if q["service"] == "d":
                self.send_opaque(q)
            else:
                lanes[q["node"], q["port"]].append(q)
        for (node, port), all_ in lanes.items():
            for at in range(0, len(all_), BATCH):
                some = all_[at:at + BATCH]
                for q, (status, error, body) in zip(some, self.pipe(node, port).ask([self.head(q) for q in some])):
                    q["status"], q["error"], q["body"] = status, error, body

    @staticmethod
    def head(q):
        fields = "".join("%s: %s\r\n" % h for h in q["headers"].items())
        length = "content-length: 0\r\n" if q["method"] == "POST" else ""
        return ("%s %s HTTP/1.1\r\nhost: %s\r\nx-request-id: %s\r\n%s%s\r\n" % (q["method"], q["target"], q["host"], q["id"], fields, length)).encode()

    @staticmethod
    def send_opaque(q):
        q["body"] = b""
        with socket.create_connection(("127.0.1.%d" % (q["node"] + 1), LISTEN["d"]), 10) as sock:
            try:
                sock.sendall(hello(q["sni"]))
                sock.shutdown(socket.SHUT_WR)
                while more := sock.recv(65536):
                    q["body"] += more
            except OSError:
                pass

    def read_log(self, requests):
        """The lines of both sides of each request, once all are written."""
        self.log = self.log or open(WORK + "/access.json", "r")
        wanted, until, kept = {q["id"] for q in requests}, time.monotonic() + 30, ""
        opaque_in = 0
        while True:
            text = kept + self.log.read()
            *whole, kept = text.split("\n")
            for line in whole:
                d = json.loads(line)
                if d["revision"] != self.revision:
                    sys.exit("a request was decided by revision %d, not %d: %s" % (d["revision"], self.revision, line))
                if "request_id" in d:
                    self.lines[d["direction"], d["request_id"]] = d
                elif d["direction"] == "outbound":
                    self.lines["outbound", d["host"].split(".")[0]] = d
                else:
                    opaque_in += 1
                    self.opaque[d["source"], d["service"], d["rule"].split(":")[0], "denied" in d.get("error", "")] += 1
            missing = [i for i in wanted if ("outbound", i) not in self.lines]
            if not missing:
                outs = [self.lines["outbound", i] for i in wanted]
                missing = [d for d in outs if "request_id" in d and inside(d) and ("inbound", d["request_id"]) not in self.lines]
                if not missing and opaque_in == sum(1 for d in outs if "request_id" not in d and "endpoint" in d):
                    return
            if time.monotonic() > until:
                sys.exit("lines that never came: %s" % missing[:5])
            if not whole:
                time.sleep(0.005)  # the log is a file that another program writes

    def explain(self, requests):
        """What the calling node says of each request."""
        lanes = defaultdict(list)
        for q in requests:
            lanes[q["node"]].append(q)
        out = {}
        for node, all_ in lanes.items():
            for at in range(0, len(all_), BATCH):
                some = all_[at:at + BATCH]
                for q, (status, _, body) in zip(some, self.admins[node].ask([self.question(q) for q in some])):
                    if status != 200:
                        sys.exit("explain: %d %s of %s" % (status, body.decode(), q))
                    out[q["id"]] = json.loads(body)
        return out

    @staticmethod
    def question(q):
        body = {"from": q["from"], "method": q["method"]}
        if q["service"] == "d":
            body.update(url="tcp://d", server_name=q["sni"])
        else:
            body.update(url="http://" + q["host"] + q["target"], headers=list(q["headers"].items()))
        text = json.dumps(body).encode()
        return b"POST /v1/explain HTTP/1.1\r\nhost: admin\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(text) + text


def inside(line):
    """Whether the line's request went to an instance on a node."""
    return "endpoint" in line and not line["endpoint"].endswith(":18010")


def line_of(at):
    return int(at.split(":")[-2]) if at else 0


# ---- do they agree?

def proxy_disagrees(q, e, out, into):
    """Why what the proxy did is not what `explain` says; None: it is. `out`, `into`: the lines of both sides."""
    opaque = q["service"] == "d"
    if e["service"]["name"] != out["service"]:
        return "service"
    name = e.get("route", {}).get("name", "-")
    if out.get("route", "-") != name:
        return "route"
    routed = e.get("route", {}).get("at", "").split(":", 1)[-1]
    error = out.get("error", "").split(";")[0]
    if "endpoint" not in out:
        if out.get("rule", "") != routed:
            return "place of the route"
        if e["verdict"] == "answered":
            status = int(next(a["what"] for a in e["route"]["actions"] if a["action"] in ("respond", "redirect")))
            return None if (status == q["status"] and not error) else "answer"
        if any(a["weight"] and not a["candidates"] for a in e.get("arms", [])) and error == "no-endpoint":
            return None
        if any(all(c["state"] == "quarantined" for c in a["candidates"]) for a in e.get("arms", [])) and error == "no-endpoint":
            return None
        return None if e["verdict"] == error else "verdict without an endpoint"
    port = int(out["endpoint"].split(":")[-1])
    arms = [a for a in e.get("arms", []) if a["weight"] and any(c["port"] == port for c in a["candidates"])]
    if not arms:
        return "endpoint"
    p = arms[0]["policy"]
    place, denied = p["at"].split(":", 1)[1], p["verdict"] == "deny"
    if opaque:
        q["inbound"] = ("spiffe://accept.mesh/" + ("ns/default/sa/" + q["from"][8:] if q["from"].startswith("service/") else "ns/meshd-system/sa/node." + q["from"][5:]),
                        arms[0]["service"], place.split(":")[0], denied)
        # Within a node the connection is joined in memory, and its denial is a reset.
        refused = error == "denied" or (error == "reset" and out["endpoint"].startswith(out["node"].replace("n", "127.0.1.")))
        return None if (denied == refused == (not q["body"])) and out["rule"] == routed else "opaque verdict"
    judged = into if into else out
    if into and into["service"] != arms[0]["service"]:
        return "judged service"
    if judged["rule"] != place:
        return "rule"
    if into and out["rule"] != routed:
        return "place of the route"
    if denied:
        said = "denied; %s at %s" % ("rule=" + p["rule"] if p["rule"] != "default" else "default", p["at"])
        if not (q["status"] == 403 and q["error"] == said and judged["status"] == 403):
            return "denial"
    elif not (q["status"] == 200 and not q["error"] and q["body"].decode().endswith(":%d" % port)):
        return "answer of the program"
    audit = "%s by %s at %s" % (p["audit_verdict"], p["audit_rule"], p["audit_at"].split(":", 1)[1]) if "audit_rule" in p else ""
    return None if judged.get("audit", "") == audit else "audit"


def reference_disagrees(e, want):
    """Why `explain` is not what the reference says; None: it is."""
    if want["route"] is None:
        return None if e["verdict"] == "no-route" and "route" not in e else "no route"
    if (e["route"]["name"], line_of(e["route"]["at"])) != (want["route"], want["line"]):
        return "route"
    if "answer" in want:
        return None if e["verdict"] == "answered" and any(a.get("what") == str(want["answer"]) for a in e["route"]["actions"]) else "answer"
    arms = {}
    for a in e["arms"]:
        if a["weight"]:
            p = a["policy"]
            audit = (p["audit_verdict"], p["audit_rule"], line_of(p["audit_at"])) if "audit_rule" in p else None
            arms[a["service"]] = (p["verdict"], p["rule"], line_of(p["at"]), audit)
    return None if arms == want["arms"] else "policy: %s" % arms


def main():
    r, mesh = random.Random(SEED), Mesh()
    counts, kinds, shown = Counter(), Counter(), 0
    before, begin = None, time.monotonic()

    def differs(who, why, q, e, *more):
        nonlocal shown
        counts[who] += 1
        if shown < 5:
            shown += 1
            print(who, why, json.dumps(q, default=str), json.dumps(e), *[json.dumps(m) for m in more], file=sys.stderr)

    while counts["pairs"] < PAIRS:
        file = File(r)
        mesh.apply(file)
        counts["files"] += 1
        # The control: what was true of the file before must not be of this one.
        if before and counts["files"] % 10 == 0:
            explained = mesh.explain([q for q, _, _ in before])
            for q, out, into in before:
                counts["control_pairs"] += 1
                counts["control"] += proxy_disagrees(q, explained[q["id"]], out, into) is not None
        requests = [make_request(r, file, "f%dq%d" % (counts["files"], n)) for n in range(PER_FILE)]
        mesh.send(requests)
        mesh.read_log(requests)
        explained = mesh.explain(requests)
        before, inbound = [], Counter()
        for q in requests:
            e, out, into = explained[q["id"]], mesh.lines["outbound", q["id"]], mesh.lines.get(("inbound", q["id"]))
            counts["pairs"] += 1
            if e["revision"] != mesh.revision:
                sys.exit("explain speaks of revision %d, not %d" % (e["revision"], mesh.revision))
            why = proxy_disagrees(q, e, out, into)
            if why:
                differs("proxy_explain", why, q, e, out, into)
            want = expected(file, q)
            why = reference_disagrees(e, want)
            if why:
                differs("explain_reference", why, q, e, want, file.text)
            if "inbound" in q:
                inbound[q["inbound"]] += 1
            kinds["opaque" if q["service"] == "d" else "denied" if q["status"] == 403 else "sent" if "endpoint" in out else
                  "answered" if e["verdict"] == "answered" else out.get("error", "").split(";")[0]] += 1
            counts["outside"] += "endpoint" in out and not inside(out)
            counts["audited"] += bool(into and "audit" in into)
            before.append((q, out, into))
        if inbound != mesh.opaque:
            differs("proxy_explain", "judged bytes", dict(inbound=str(inbound)), dict(log=str(mesh.opaque)))
        before = before[:100]
    print(json.dumps({**{k: 0 for k in ("proxy_explain", "explain_reference", "control")}, **counts, "kinds": kinds,
                      "seconds": round(time.monotonic() - begin)}))


main()
