#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh: a real mesh of three nodes on this machine, until Ctrl-C. CHECK=1: judge it from outside and leave.
# Everything listens on 127.0.1.1 to 127.0.1.3 and lives in a directory of its own, which goes at the end.
KEEP_LOGS=
[ -n "${CHECK-}" ] || export MESHD_NETWORK=host  # the user's own curl is to reach it
. "$(dirname "$0")/../lib/mesh.sh"

check() {  # check WHAT COMMAND…
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then say "  ok    $what"; else
    say "  WRONG $what"
    failures=$((failures + 1))
  fi
}

cp "$ROOT/tests/demo/mesh.yaml" "$WORK/mesh.yaml"
say "starting three programs: web v1 and v2 (python3 -m http.server), and a TCP service"
web v1 127.0.1.2 18081
web v2 127.0.1.3 18082
start echo python3 "$ROOT/tests/demo/echo.py" 127.0.1.3 18083
wait_until 10 "echo" port_open 127.0.1.3 18083

say "making the mesh: meshd init on n1, meshd join on n2 and n3"
mesh_up 3
"$MESHD" check "$WORK/mesh.yaml" || die "the demo's file"
"$MESHD" apply "$WORK/mesh.yaml" --state "$(state 1)" >/dev/null || die "apply"
answers() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.1.1:9001/")" = 200 ]; }
wait_until 15 "the first answer through the mesh" answers

# Some requests per second, so that there is something to see.
load() {
  while :; do
    curl -s -o /dev/null --max-time 2 http://127.0.1.1:9001/ || :
    pause 0.1
  done
}

if [ "${CHECK:-}" != 1 ]; then
  start load load
  cat >&2 <<HELP

A mesh of three nodes runs:  n1 (server, 127.0.1.1)  n2 (web v1, 127.0.1.2)  n3 (web v2 and echo, 127.0.1.3)
About ten requests per second go from n1 to web; nine of ten reach v1. Try, in another terminal:

  curl http://127.0.1.1:9001/                           # allowed: callers on n1 are 'shop'
  curl -H 'x-canary: 1' http://127.0.1.1:9001/          # routed to v2 by the header
  curl -i http://127.0.1.2:9001/                        # denied: callers on n2 are 'batch'; see x-meshd-error
  curl -i http://127.0.1.1:9001/secret/x                # denied by the rule no-secrets
  printf 'hello\n' | nc -q1 127.0.1.1 9002              # opaque TCP through the same mTLS
  $MESHD status --state $(state 1)
  $MESHD get services --state $(state 1)
  curl -s http://127.0.1.1:15020/metrics | grep meshd_requests_total
  openssl s_client -connect 127.0.1.2:15008 </dev/null  # TLS 1.3, and a client certificate is asked for
  sed -i 's/weight: 90/weight: 50/; s/weight: 10 /weight: 50 /' $WORK/mesh.yaml    # noticed within a second
  $MESHD apply $WORK/mesh.yaml --state $(state 1)       # or say so yourself, and see every node acknowledge

Ctrl-C ends everything.
HELP
  wait "$PID_load"
  exit 0
fi

say "judging it from outside:"
failures=0
get() { curl -s --max-time 5 "$@"; }
code() { curl -s -o /dev/null --max-time 5 -w '%{http_code}' "$@"; }
check "an allowed caller gets 200" test "$(code http://127.0.1.1:9001/)" = 200
check "the port that routes by Host works too" test "$(code -H 'Host: web' http://127.0.1.1:15080/)" = 200
check "the canary header reaches v2" grep -q v2 <<<"$(get -H 'x-canary: 1' http://127.0.1.1:9001/)"
v2=$(for _ in $(seq 300); do get http://127.0.1.1:9001/; done | grep -c v2 || :)
check "the split sends about 10 % to v2 ($v2 of 300)" test "$v2" -ge 12 -a "$v2" -le 52
denied=$(curl -s -i --max-time 5 http://127.0.1.2:9001/)
check "a denied caller gets 403" grep -q '^HTTP/1.1 403' <<<"$denied"
check "and the place in the file that denied it" grep -qi '^x-meshd-error: denied; .*mesh.yaml:[0-9]' <<<"$denied"
check "a denied path names its rule" grep -qi '^x-meshd-error: denied; rule=no-secrets' \
  <<<"$(curl -s -i --max-time 5 http://127.0.1.1:9001/secret/x)"
check "the mesh has no such service: 404" test "$(code -H 'Host: nobody' http://127.0.1.1:15080/)" = 404
exec 5<>/dev/tcp/127.0.1.1/9002
printf 'mesh\n' >&5
read -rt 5 line1 <&5 && read -rt 5 line2 <&5 || :
exec 5>&-
check "opaque TCP: the server speaks first" test "${line1:-}" = "hello from echo"
check "and answers" test "${line2:-}" = "MESH"
tls=$(openssl s_client -connect 127.0.1.2:15008 -alpn h2 </dev/null 2>&1 || :)
check "the mesh port speaks TLS 1.3" grep -q 'TLSv1.3' <<<"$tls"
check "and shows a certificate of the mesh's authority" grep -qi 'meshd\|demo' <<<"$tls"
check "TLS 1.2 is refused" bash -c '! openssl s_client -connect 127.0.1.2:15008 -tls1_2 </dev/null 2>&1 | grep -q "Cipher is ECDHE"'
check "plaintext on the mesh port gets nothing" bash -c '! curl -s --max-time 3 http://127.0.1.2:15008/ | grep -q .'
metrics=$(get http://127.0.1.1:15020/metrics)
check "metrics count the requests" grep -q '^meshd_requests_total{.*service="web"' <<<"$metrics"
check "and the denials on the called node" grep -q '^meshd_errors_total{.*reason="denied"' \
  <<<"$(get http://127.0.1.2:15020/metrics)$(get http://127.0.1.3:15020/metrics)"
check "status knows the revision" node_ready 3 1
if [ "$failures" -eq 0 ]; then say "demo: all checks passed"; else die "$failures checks"; fi
