#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# reloads.sh: ten thousand revisions applied one after the other while requests run: none fails, and nothing is left of them.
. "$(dirname "$0")/mesh-web.inc.sh"
TIMES=${TIMES:-10000}
one_web
cp "$WORK/mesh.yaml" "$WORK/base.yaml" # what is applied is written to the server's file

# One connection to the server's local API; a revision changes a route and a rule, and the next begins when every node acts on it.
cat >"$WORK/reload.py" <<'PY'
import http.client, json, socket, sys, time

class Admin(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])

def ask(admin, method, path, body=None):
    admin.request(method, path, json.dumps(body) if body else None, {"content-type": "application/json", "host": "admin"})
    answer = admin.getresponse()
    text = answer.read()
    if answer.status >= 300:
        sys.exit("%s: %d %s" % (path, answer.status, text[:300]))
    return json.loads(text)

text, times = open(sys.argv[2]).read(), int(sys.argv[3])
admin, took = Admin("admin"), []
for n in range(times):
    route = "routes: [{ name: r%d, service: web, match: { path: { prefix: / } }, timeout: { request: %ds } }]\n" % (n % 7, 5 + n % 5)
    rule = "    - { name: extra%d, deny: { to: web, paths: [/never/%d/**] } }\n" % (n, n)
    begin = time.monotonic()
    revision = ask(admin, "POST", "/v1/apply", {"yaml": text + rule + route, "message": "reload %d" % n})["revision"]
    while not ask(admin, "GET", "/v1/revisions/%d/acks?wait=5000" % revision)["done"]:
        pass
    took.append((time.monotonic() - begin) * 1000)
took.sort()
print("%.1f %.1f %d" % (took[len(took) // 2], took[len(took) * 99 // 100], revision))
PY
# The control thread is the first.
control_ms() { awk -v hz="$(getconf CLK_TCK)" '{print int(($14 + $15) * 1000 / hz)}' "/proc/$1/task/$1/stat"; }

# Requests in rounds, as long as the reloads last.
load() {
  while [ ! -e "$WORK/enough" ]; do
    h2load --h1 -c 20 --rps 25 -D 5 http://127.0.1.1:9001/1k >>"$WORK/load" 2>&1 || : # its report says what failed
  done
}
# reloads TIMES: under load; their figures in WORK/took.
reloads() {
  local loader
  rm -f "$WORK/enough" "$WORK/load"
  load &
  loader=$!
  PIDS+=("$loader")
  python3 "$WORK/reload.py" "$(state 1)/admin.sock" "$WORK/base.yaml" "$1" >"$WORK/took" || { touch "$WORK/enough"; die "a reload"; }
  touch "$WORK/enough"
  wait "$loader"
}
reloads $((TIMES / 20)) # what is made once is made
rss1=$(rss_kib "$PID_n1") fds1=$(fds "$PID_n1") rss2=$(rss_kib "$PID_n2") fds2=$(fds "$PID_n2")
spent1=$(control_ms "$PID_n1") spent2=$(control_ms "$PID_n2") since=$(date +%s)
reloads "$TIMES"
seconds=$(($(date +%s) - since))
spent1=$(($(control_ms "$PID_n1") - spent1)) spent2=$(($(control_ms "$PID_n2") - spent2))
read -r median late revision <"$WORK/took"
bad=$(h2load_bad <"$WORK/load")
done=$(sed -n 's/^requests: .* \([0-9]*\) done.*/\1/p' "$WORK/load" | awk '{n += $1} END {print n + 0}')
verdict reloads "$bad failed of $done requests over $TIMES reloads in $seconds s, to revision $revision" 0 [ "$bad" = 0 -a "$done" -gt 1000 ]
verdict reloads-time "$median ms from apply to every node, $late ms at the 99th percentile" "median <= 50" at_most "$median" 50
per1=$(python3 -c "print('%.2f' % ($spent1 / $TIMES))") per2=$(python3 -c "print('%.2f' % ($spent2 / $TIMES))")
verdict reloads-control "$per1 ms of the server's control thread a reload, $per2 ms of a node's" "<= 20" at_most "$per1" 20
grow1=$(($(rss_kib "$PID_n1") - rss1)) grow2=$(($(rss_kib "$PID_n2") - rss2))
verdict reloads-memory "+$grow1 KiB of $rss1 on n1, +$grow2 KiB of $rss2 on n2" "<= 4096 each" [ "$grow1" -le 4096 -a "$grow2" -le 4096 ]
files1=$(($(fds "$PID_n1") - fds1)) files2=$(($(fds "$PID_n2") - fds2))
verdict reloads-descriptors "+$files1 of $fds1 on n1, +$files2 of $fds2 on n2" "<= 8 each" \
  [ "$files1" -le 8 -a "$files2" -le 8 ]
exit $SHORT
