#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# idle: what a node holds when nothing happens, and per connection that is open and says nothing.
. "$(dirname "${BASH_SOURCE[0]}")/mesh-web.inc.sh"
bench=$ROOT/tests/bench
clang++-19 -std=c++23 -O2 -o "$WORK/load" "$bench/load.cc" || die "the load generator does not compile"
ulimit -n "$(ulimit -Hn)"
sysctl -qw net.core.somaxconn=16384 2>/dev/null || :
count=10000
one_web --threads 1
verdict idle-rss "$(rss_kib "$PID_n2") KiB" "at most 12288" at_most "$(rss_kib "$PID_n2")" 12288

# hold NAME PID GOAL COMMAND…: KiB of PID per connection that COMMAND opens and says it did.
hold() {
  local name=$1 pid=$2 goal=$3 before open each holder line
  shift 3
  before=$(rss_kib "$pid")
  open=$(fds "$pid")
  coproc HOLD { exec "$@"; }
  holder=$HOLD_PID
  local in=${HOLD[1]}
  read -rt 300 -u "${HOLD[0]}" line || say "$name: not all could be opened"
  # Those that are open still; a busy machine opens more slowly than idle ones are ended.
  open=$(($(fds "$pid") - open))
  each=$(python3 -c 'import sys; a, b, n = map(int, sys.argv[1:]); print(round((a - b) / n, 2) if n > 0 else 999)' \
    "$(rss_kib "$pid")" "$before" "$open")
  verdict "$name" "$each KiB for each of $open" "at most $goal" at_most "$each" "$goal"
  exec {in}>&-
  wait "$holder" || :
}
hold idle-plain "$PID_n1" 1.5 "$WORK/load" idle 127.0.1.1:9001 "$count"
ids=$(state 1)/identities
hold idle-mtls "$PID_n2" 10 python3 "$bench/idle_tls.py" 127.0.1.2:15008 "$ids/svc.shop.crt" "$ids/svc.shop.key" "$count"
exit $SHORT
