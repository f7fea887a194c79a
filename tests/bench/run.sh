#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh: the canonical path (client, A, mTLS, B, application) through meshd and its peers, in one run, in turns.
#
#   PEERS="haproxy haproxy_h2 nginx nghttpx meshd"   those that are not installed are left out, with a word
#   TESTS="h1 h2 rate churn bulk1 bulk10 handshake idle"
#   ROUNDS=3 SECONDS_EACH=4                          QUICK=1: one round of two seconds
#   OUT=FILE                                         the raw figures, a line of name=value per window
#
# CPU is the run time of all threads of A and B (/proc/PID/task/*/schedstat) over the good answers of a window. Prints a
# table; ratios are to haproxy in the same round. Nothing is measured of a peer that answers wrongly.
: "${MESHD:?MESHD names the program}"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/mesh.sh"
. "$(dirname "${BASH_SOURCE[0]}")/peers.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

PEERS=${PEERS:-haproxy haproxy_h2 nginx nghttpx meshd}
TESTS=${TESTS:-h1 h2 rate churn bulk1 bulk10 handshake idle}
[ -z "${QUICK:-}" ] || { ROUNDS=${ROUNDS:-1} SECONDS_EACH=${SECONDS_EACH:-2} IDLE=${IDLE:-2000}; }
ROUNDS=${ROUNDS:-3} SECONDS_EACH=${SECONDS_EACH:-4} IDLE=${IDLE:-10000}
OUT=${OUT:-$WORK/figures}
: >"$OUT"
ulimit -n "$(ulimit -Hn)"
# bbr paces, which costs some peers a third more CPU in bulk on loopback.
sysctl -qw net.ipv4.tcp_congestion_control=reno net.core.somaxconn=16384 net.ipv4.ip_local_port_range="25000 65000" 2>/dev/null || :

clang++-19 -std=c++23 -O2 -o "$WORK/load" "$here/load.cc" || die "the load generator does not compile"

declare -A front front_h2 mtls pids_a pids_b cert key
up() {  # up PEER
  "up_$1" || { say "bench: $1 is not installed; left out"; return 1; }
  front[$1]=$FRONT front_h2[$1]=$FRONT_H2 mtls[$1]=$MTLS pids_a[$1]=$PIDS_A pids_b[$1]=$PIDS_B cert[$1]=$CLIENT_CERT key[$1]=$CLIENT_KEY
}
tree() {  # the pid and its descendants (nginx has a worker)
  local child
  echo "$1"
  for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do tree "$child"; done
}
cpu_us() {  # of these processes, all threads
  local pid
  for pid in $(tree "$1"); do cat "/proc/$pid/task/"*/schedstat; done 2>/dev/null | awk '{n += $1} END {printf "%d\n", n / 1000}'
}
rss_of() {
  local pid
  for pid in $(tree "$1"); do rss_kib "$pid"; done | awk '{n += $1} END {print n}'
}

# Right answers, and B gives nothing to a client without a certificate.
check() {
  local peer=$1 size
  for size in 1k:1024 1m:1048576 10m:10485760; do
    [ "$(curl -s --max-time 20 -o "$WORK/got" -w '%{http_code} %{size_download}' "http://${front[$peer]}/${size%:*}")" = "200 ${size#*:}" ] &&
      cmp -s "$WORK/got" "$WORK/nginx-backend/html/${size%:*}" || { say "bench: $peer does not hand on /${size%:*}"; return 1; }
  done
  [ "$(curl -s --http2-prior-knowledge --max-time 5 -o "$WORK/got" -w '%{http_code} %{http_version}' "http://${front_h2[$peer]}/")" = "200 2" ] ||
    { say "bench: $peer speaks no HTTP/2 to clients"; return 1; }
  if curl -sk --max-time 5 -o "$WORK/got" "https://${mtls[$peer]}/" 2>/dev/null; then
    [ ! -s "$WORK/got" ] || grep -q "No required SSL certificate" "$WORK/got" || { say "bench: $peer's B takes anybody"; return 1; }
  fi
}

# Each load prints done= failed= and what else it knows.
load() {
  local peer=$1 at=${front[$1]}
  case $2 in
    h1) "${ON_LOAD[@]}" wrk -t1 -c64 -d"${SECONDS_EACH}s" --timeout 10s "http://$at/" | wrk_line ;;
    h2) "${ON_LOAD[@]}" h2load -t1 -c4 -m32 -D "$SECONDS_EACH" "http://${front_h2[$peer]}/" | h2load_line ;;
    rate) "${ON_LOAD[@]}" "$WORK/load" rate "$at" 64 2000 "$SECONDS_EACH" ;;
    churn) "${ON_LOAD[@]}" "$WORK/load" churn "$at" 64 "$SECONDS_EACH" ;;
    bulk1) "${ON_LOAD[@]}" wrk -t1 -c8 -d"${SECONDS_EACH}s" --timeout 10s "http://$at/1m" | wrk_line ;;
    bulk10) "${ON_LOAD[@]}" wrk -t1 -c4 -d"${SECONDS_EACH}s" --timeout 10s "http://$at/10m" | wrk_line ;;
    handshake) "${ON_LOAD[@]}" openssl s_time -new -time "$SECONDS_EACH" -connect "${mtls[$peer]}" -cert "${cert[$peer]}" -key "${key[$peer]}" 2>/dev/null |
      awk '/connections in .* real seconds/ {print "done=" $1, "failed=0", "seconds=" $4}' ;;
  esac
}
wrk_line() {
  awk '/requests in/ {n = $1; s = $4; sub(/s,/, "", s)} /Non-2xx/ {bad += $NF} /Socket errors/ {gsub(/,/, ""); bad += $4 + $6 + $8 + $10}
       END {print "done=" n, "failed=" bad + 0, "seconds=" s}'
}
h2load_line() {
  awk '/^finished in/ {s = $3; sub(/s,/, "", s)} /^requests:/ {n = $8} /^requests:/ {for (i = 2; i < NF; ++i) if ($(i + 1) ~ /^(failed|errored|timeout),?$/) bad += $i}
       /^status codes:/ {bad += $5 + $7 + $9} END {print "done=" n, "failed=" bad + 0, "seconds=" s}'
}

window() {  # window ROUND PEER TEST
  local a0 b0 a1 b1 line
  a0=$(cpu_us "${pids_a[$2]}") b0=$(cpu_us "${pids_b[$2]}")
  line=$(load "$2" "$3")
  a1=$(cpu_us "${pids_a[$2]}") b1=$(cpu_us "${pids_b[$2]}")
  echo "round=$1 peer=$2 test=$3 cpu_a=$((a1 - a0)) cpu_b=$((b1 - b0)) $line" | tee -a "$OUT" >&2
}

idle() {  # idle PEER: memory of A per held plain connection, of B per held mTLS connection
  local peer=$1 before after line
  before=$(rss_of "${pids_a[$peer]}")
  coproc HOLD { exec "$WORK/load" idle "${front[$peer]}" "$IDLE"; }
  local pid=$HOLD_PID in=${HOLD[1]}
  read -rt 120 -u "${HOLD[0]}" line
  after=$(rss_of "${pids_a[$peer]}")
  echo "round=1 peer=$peer test=idle-plain rss=$before connections=${line#open=} kib=$(python3 -c "print(round(($after - $before) / ${line#open=}, 2))")" | tee -a "$OUT" >&2
  exec {in}>&-
  wait "$pid" || :
  before=$(rss_of "${pids_b[$peer]}")
  coproc HOLD { exec python3 "$here/idle_tls.py" "${mtls[$peer]}" "${cert[$peer]}" "${key[$peer]}" "$IDLE"; }
  pid=$HOLD_PID in=${HOLD[1]}
  read -rt 300 -u "${HOLD[0]}" line || line=open=0
  after=$(rss_of "${pids_b[$peer]}")
  echo "round=1 peer=$peer test=idle-mtls rss=$before connections=${line#open=} kib=$(python3 -c "print(round(($after - $before) / max(1, ${line#open=}), 2))")" | tee -a "$OUT" >&2
  exec {in}>&-
  wait "$pid" || :
}

nginx_at backend 127.0.0.1 "18080" "location = / { return 200 \"$(head -c 1024 /dev/zero | tr '\0' x)\"; }" \
  "tcp_nodelay on; open_file_cache max=10; keepalive_timeout 1h;"
head -c 1024 /dev/zero | tr '\0' x >"$WORK/nginx-backend/html/1k"
head -c 1048576 /dev/urandom >"$WORK/nginx-backend/html/1m"
head -c 10485760 /dev/urandom >"$WORK/nginx-backend/html/10m"
[ "${#ON_LOAD[@]}" = 0 ] || for pid in $(tree "$PID_nginx_backend"); do taskset -apc 1 "$pid" >/dev/null; done
make_certificates

good=()
for peer in $PEERS; do
  up "$peer" && check "$peer" && good+=("$peer")
done
[ "${#good[@]}" -gt 0 ] || die "no peer answers"
for round in $(seq "$ROUNDS"); do
  for test in $TESTS; do
    [ "$test" != idle ] || continue
    for ((i = 0; i < ${#good[@]}; ++i)); do  # another one first in each round
      window "$round" "${good[$(((i + round - 1) % ${#good[@]}))]}" "$test"
    done
  done
done
case " $TESTS " in *" idle "*) for peer in "${good[@]}"; do idle "$peer"; done ;; esac
python3 "$here/summary.py" "$OUT"
