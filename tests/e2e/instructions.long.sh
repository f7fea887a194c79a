#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# instructions: what a request costs at each of the two nodes it passes, counted by callgrind, beside what it cost when
# instructions.txt was written. Wall clocks and neighbours do not change it; the compiler and the libraries do.
# RECORD=1 writes the file anew.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/mesh.sh"
recorded=$ROOT/tests/e2e/instructions.txt
requests=400

command -v valgrind >/dev/null || { say "instructions: no valgrind here; skipped"; exit 0; }
# Other processors take other ways through memcpy and AES.
grep -qw avx2 /proc/cpuinfo || { say "instructions: recorded on processors with AVX2; skipped"; exit 0; }
# valgrind 3.19 does not know clang 19's debug information.
objcopy --strip-debug "$MESHD" "$WORK/meshd"

cat >"$WORK/mesh.yaml" <<YAML
version: 1
mesh: { name: count, trust_domain: count.mesh }
services:
  web:
    listen: 9001
    instances: [{ node: n3, bind: 127.0.0.1, port: 18080 }]
  shop: { instances: [{ node: n2, any_local: true }] }
policy:
  default: deny
  rules:
    - { name: shop-to-web, allow: { from: [service/shop], to: web } }
YAML
web count 127.0.0.1 18080
mesh_up 3 --threads 1
for n in 2 3; do
  pid=PID_n$n
  stop "${!pid}"
  start "n$n" valgrind -q --tool=callgrind --instr-atstart=no --callgrind-out-file="$WORK/count.$n" \
    "$WORK/meshd" run --state "$(state $n)" --threads 1
done
for n in 2 3; do wait_until 60 "node n$n under valgrind" node_ready $n; done
answers() { [ "$(curl -s -o /dev/null --max-time 5 -w '%{http_code}' http://127.0.1.2:9001/)" = 200 ]; }
wait_until 30 "an answer through the mesh" answers

ask() { h2load --h1 -n "$1" -c 1 -t 1 http://127.0.1.2:9001/ | awk '/^status codes:/ {print $3}'; }
ask 50 >/dev/null  # connections, caches
callgrind_control -i on "$PID_n2" "$PID_n3" >/dev/null
good=$(ask $requests)
callgrind_control -i off "$PID_n2" "$PID_n3" >/dev/null
[ "$good" = $requests ] || die "$good of $requests requests were answered"
for n in 2 3; do
  pid=PID_n$n
  stop "${!pid}"
done

count() { awk -v n=$requests '/^(summary|totals):/ {t = $2} END {print int(t / n)}' "$WORK/count.$1"; }
calling=$(count 2) called=$(count 3)
[ -z "${RECORD:-}" ] || printf 'calling %s\ncalled %s\n' "$calling" "$called" >"$recorded"
for side in calling called; do
  was=$(awk -v side=$side '$1 == side {print $2}' "$recorded")
  limit=$((was * 103 / 100))
  [ "${!side}" -ge $((was * 97 / 100)) ] || say "instructions: $side needs ${!side}, was $was: record it (RECORD=1)"
  verdict "instructions-$side" "${!side} a request" "at most $limit" at_most "${!side}" "$limit"
done
exit $SHORT
