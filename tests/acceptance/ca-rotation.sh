# SPDX-License-Identifier: Apache-2.0
# Certificates change under load and nobody notices: 100 renewals of leaves, a whole change of the root, the server killed
# in each of its phases, and a server that is away for two lives of a certificate.
. "$(dirname "$0")/mesh-web.inc.sh"
RATE=${RATE:-2000}
one_web
m() { "$MESHD" "$@"; }
serial_of() { m cert show --state "$(state "$1")" -o json | json "[c['serial'] for c in d['items'] if c['name']=='$2'][0]"; }
wire_serial() {
  openssl s_client -connect 127.0.1.2:15008 -servername web.default.accept.mesh -alpn h2 </dev/null 2>/dev/null |
    openssl x509 -noout -serial 2>/dev/null | cut -d= -f2 | tr 'A-F' 'a-f'
}
# load NAME SECONDS: RATE requests a second through the mesh.
load() {
  start "$1" h2load --h1 --rps $((RATE / 20)) -c 20 -t 1 -D "$2" http://127.0.1.1:9001/1k
  PID_LOAD=$PID
  wait_until 5 "load" bash -c "ss -tnH 'dport = :9001' | grep -q ESTAB"
}
judge() {  # judge NAME WHAT
  local log=$WORK/$1.log done_ bad
  done_=$(sed -n 's/^requests: .* \([0-9]*\) done, .*/\1/p' "$log")
  bad=$(h2load_bad <"$log")
  verdict "$2" "$bad failed of $done_" 0 test "$bad" = 0 -a "${done_:-0}" -gt 0
}

# ---- 100 renewals of leaves, each of them under load
load leaves1 20
rotations=0 seen=0 worst=0 loads=1
while [ "$rotations" -lt 100 ]; do
  if ! alive "$PID_LOAD"; then
    judge leaves$loads leaf-rotations-load
    loads=$((loads + 1))
    load leaves$loads 20
  fi
  n=$((rotations % 2 + 1)) name=node
  [ "$n" = 1 ] || name=svc.web
  before=$(serial_of "$n" $name)
  m cert rotate $name --state "$(state "$n")" >/dev/null || break
  issued=$(date +%s%3N)
  after=$(serial_of "$n" $name)
  [ "$before" != "$after" ] || break
  rotations=$((rotations + 1))
  if [ "$n" = 2 ] && [ $((rotations % 10)) = 0 ]; then
    until [ "$(wire_serial)" = "$after" ] || [ $(($(date +%s%3N) - issued)) -gt 5000 ]; do :; done
    took=$(($(date +%s%3N) - issued))
    seen=$((seen + 1))
    [ "$took" -le "$worst" ] || worst=$took
  fi
done
verdict leaf-rotations "$rotations" 100 test "$rotations" = 100
verdict serial-on-wire "$seen times, the latest after $worst ms" "<= 1000 ms" test "$seen" = 10 -a "$worst" -le 1000
wait "$PID_LOAD" || :
judge leaves$loads leaf-rotations-load

# ---- the root, under load
phase() { m ca status --state "$(state 1)" -o json 2>/dev/null | json 'd["rotation"]["phase"]'; }
pin() { m ca status --state "$(state 1)" -o json | json 'd["pin"]'; }
phase_is() { [ "$(phase)" = "$1" ]; }
under_new() { openssl verify -CAfile <(m ca export --state "$(state 1)") -untrusted <(cat "$(state "$1")/identities/node.crt") "$(state "$1")/identities/node.crt" >/dev/null 2>&1; }
before=$(pin)
load root 15
m ca rotate --state "$(state 1)" >/dev/null
wait_until 30 "the root rotation to end" phase_is none
after=$(pin)
verdict root-rotation "pin ${before:7:8} to ${after:7:8}" changed test "$before" != "$after"
roots=$(m ca export --state "$(state 1)" | grep -c BEGIN)
verdict roots-left "$roots" 1 test "$roots" = 1
verdict leaves-under-new "$(under_new 1 && under_new 2 && echo both)" both test "$(under_new 1 && under_new 2 && echo both)" = both
keys=$(find "$(state 1)/ca" -name 'root.key' | wc -l)
verdict old-keys-gone "$keys root key" 1 test "$keys" = 1
wait "$PID_root" || :
judge root root-rotation-load

# ---- killed in each phase. n2 stops, so that phases last; the server is killed, starts again, goes on.
kills=0
killed_in() {  # killed_in PHASE: the server dies in it and is in it again, or beyond it
  stop "$PID_n1" KILL
  run_node 1
  wait_until 30 "the server after kill -9" node_ready 1
  kills=$((kills + 1))
  say "killed in $1, is in $(phase)"
}
before=$(pin)
stop "$PID_n2"
m ca rotate --state "$(state 1)" >/dev/null 2>&1
wait_until 5 "distribute" phase_is distribute
killed_in distribute
verdict waits-for-away "$(phase)" distribute phase_is distribute
verdict says-for-whom "$(m ca status --state "$(state 1)" | grep -c 'n2.*is away')" 1 \
  test "$(m ca status --state "$(state 1)" | grep -c 'n2.*is away')" = 1
run_node 2
# Killed as fast as it comes up, until it has got through: whatever phase it is in.
for _ in $(seq 40); do
  p=$(phase || echo starting)
  [ "$p" != none ] || break
  [ "$p" = starting ] || killed_in "$p"
done
wait_until 60 "the rotation to end after kills" phase_is none
verdict killed-rotation "$kills kills, pin changed" "ends in none" test "$before" != "$(pin)" -a "$kills" -ge 2
wait_until 20 "answers after it" answers http://127.0.1.1:9001/1k

# ---- forced: n2 is away and is not waited for, which is said.
stop "$PID_n2"
wait_until 20 "n2 to be away" bash -c "'$MESHD' node list --state '$(state 1)' | grep -q '^n2.*away'"
said=$(m ca rotate --force --state "$(state 1)" 2>&1)
verdict force-says "$(grep -o 'not waited for[^:]*: n2' <<<"$said")" "names n2" grep -q 'not waited for.*n2' <<<"$said"
wait_until 30 "the forced rotation to end" phase_is none
exit $SHORT
