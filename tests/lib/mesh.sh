# SPDX-License-Identifier: Apache-2.0
# mesh.sh: what the demo, the acceptance points and the process tests share: a work directory, processes that
# are ended by pid, waiting for conditions, and a mesh of nodes on 127.0.1.N.
# Source it; MESHD names the program.
set -euo pipefail  # so no `| grep -q`: it leaves early, and who writes on fails

: "${MESHD:?MESHD names the program to test}"

# A network of our own where we may have one: no port is taken, and nobody else sees what we open.
if [ -z "${MESHD_NETWORK-}" ] && unshare -n ip link set lo up 2>/dev/null; then
  export MESHD_NETWORK=own
  exec unshare -n bash -c 'ip link set lo up && exec bash "$0" "$@"' "$0" "$@"
fi

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/meshd-XXXXXX")
PIDS=()

say() { printf '%s\n' "$*" >&2; }
die() {
  say "FAILED: $*"
  exit 1
}

# A pause without a process; never to wait for something that can be asked for.
pause() { read -rt "$1" <> <(:) || :; }

# wait_until SECONDS WHAT COMMAND…: asks until COMMAND succeeds.
wait_until() {
  local limit=$1 what=$2 end
  shift 2
  end=$(($(date +%s%3N) + limit * 1000))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s%3N)" -lt "$end" ] || die "waited $limit s for: $what"
    pause 0.05
  done
}

# start NAME COMMAND…: in the background, its output in WORK/NAME.log; its pid in PID.
start() {
  local name=$1
  shift
  "$@" >"$WORK/$name.log" 2>&1 &
  PID=$!
  PIDS+=("$PID")
  printf -v "PID_${name//[^a-zA-Z0-9]/_}" '%s' "$PID"
}

alive() { kill -0 "$1" 2>/dev/null; }

# stop PID [SIGNAL]: and wait until it is gone.
stop() {
  kill "-${2:-TERM}" "$1" 2>/dev/null || :
  wait "$1" 2>/dev/null || :
}

cleanup() {
  local pid status=$?
  trap - EXIT INT TERM
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill -TERM "$pid" 2>/dev/null || :; done
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do
    for _ in $(seq 100); do
      alive "$pid" || break
      pause 0.05
    done
    kill -KILL "$pid" 2>/dev/null || :
    wait "$pid" 2>/dev/null || :
  done
  if [ "$status" -ne 0 ] && [ -n "${KEEP_LOGS:-1}" ]; then
    for log in "$WORK"/*.log; do
      [ -s "$log" ] && [ "$status" -lt 128 ] && { say "--- ${log##*/}"; tail -n 5 "$log" >&2; }
    done
  fi
  rm -rf "$WORK"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port_open() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# json FILTER: one value of the JSON on stdin, a Python expression over `d`.
json() { python3 -c 'import json,sys; d=json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }

state() { printf '%s/s%s' "$WORK" "$1"; }

# node_ready N [REVISION]: node N answers, and acts on at least that revision.
node_ready() {
  local revision
  revision=$("$MESHD" status --state "$(state "$1")" -o json 2>/dev/null | json 'd["revision"]') || return 1
  [ "$revision" -ge "${2:-1}" ]
}

# run_node N [ARGUMENTS…]: starts node N's daemon.
run_node() {
  local n=$1
  shift
  start "n$n" "$MESHD" run --state "$(state "$n")" "$@"
}

# mesh_up COUNT [RUN ARGUMENTS…]: server on n1, then nodes n2…; the file is WORK/mesh.yaml and must exist. INIT holds
# further arguments of `meshd init`.
INIT=()
mesh_up() {
  local count=$1 n
  shift
  "$MESHD" init --state "$(state 1)" --config "$WORK/mesh.yaml" --name n1 --address 127.0.1.1 \
    ${INIT[@]+"${INIT[@]}"} >"$WORK/init.log" 2>&1 ||
    { cat "$WORK/init.log" >&2; die "init"; }
  run_node 1 "$@"
  wait_until 30 "the server to be ready" node_ready 1
  for n in $(seq 2 "$count"); do
    "$MESHD" token create --node "n$n" --state "$(state 1)" >"$WORK/token$n"
    "$MESHD" join 127.0.1.1:15012 --token-file "$WORK/token$n" --state "$(state "$n")" --name "n$n" \
      --address "127.0.1.$n" >"$WORK/join$n.log" 2>&1 || { cat "$WORK/join$n.log" >&2; die "join of n$n"; }
    run_node "$n" "$@"
  done
  for n in $(seq 2 "$count"); do wait_until 30 "node n$n to act on the mesh's file" node_ready "$n"; done
}

# web VERSION ADDRESS PORT: a real web server that says who it is.
web() {
  mkdir -p "$WORK/web-$1"
  printf 'hello from web %s\n' "$1" >"$WORK/web-$1/index.html"
  start "web-$1" python3 -m http.server --bind "$2" --directory "$WORK/web-$1" "$3"
  wait_until 10 "web $1 on $2:$3" port_open "$2" "$3"
}

# nginx_at NAME ADDRESS "PORT [LISTEN WORDS]" [SERVER LINES [HTTP LINES]]: nginx with a configuration of its own, one
# worker, in the foreground.
nginx_at() {
  local name=$1 dir=$WORK/nginx-$1
  mkdir -p "$dir/html"
  cat >"$dir/nginx.conf" <<CONF
daemon off;
$([ "$(id -u)" != 0 ] || echo 'user root;')
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $dir/body; proxy_temp_path $dir/proxy; fastcgi_temp_path $dir/fcgi;
  uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
  keepalive_requests 1000000;
  client_max_body_size 0;
  sendfile on;
  ${5:-}
  server {
    listen $2:$3 backlog=4096;
    root $dir/html;
    ${4:-}
  }
}
CONF
  start "nginx-$name" nginx -p "$dir" -c "$dir/nginx.conf"
  wait_until 10 "nginx $name on $2:$3" port_open "$2" "${3%% *}"
}

# rss_kib PID, fds PID: what a process holds.
rss_kib() { awk '/^VmRSS:/ {print $2}' "/proc/$1/status"; }
fds() { ls "/proc/$1/fd" | wc -l; }

# verdict NAME FIGURE GOAL CONDITION…: the line of an acceptance point; CONDITION is a test expression.
SHORT=0
verdict() {
  local name=$1 figure=$2 goal=$3 word=short
  shift 3
  if "$@"; then word=ok; else SHORT=1; fi
  printf '%s: %s (%s) %s\n' "$name" "$figure" "$goal" "$word"
}
at_most() { python3 -c 'import sys; sys.exit(not float(sys.argv[1]) <= float(sys.argv[2]))' "$1" "$2"; }
at_least() { at_most "$2" "$1"; }
