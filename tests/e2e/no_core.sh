# SPDX-License-Identifier: Apache-2.0
# Whoever holds a key or a token leaves no core dump: the daemon, and `meshd join` while it waits for its server.
. "$(dirname "$0")/../lib/mesh.sh"
printf 'version: 1\nmesh: { name: core, trust_domain: core.mesh }\nservices: {}\n' >"$WORK/mesh.yaml"
ulimit -S -c unlimited 2>/dev/null || true
mesh_up 1
no_core() { awk '/^Max core file size/ {exit !($5 == 0 && $6 == 0)}' "/proc/$1/limits"; }
no_core "$PID_n1" || die "the daemon may dump core"

# A server that accepts and says nothing.
start silent python3 -c '
import socket, time
s = socket.create_server(("127.0.1.9", 15012))
open("'"$WORK"'/listening", "w").close()
time.sleep(60)'
wait_until 10 "the silent server" test -e "$WORK/listening"
"$MESHD" token create --state "$(state 1)" >"$WORK/token" 2>/dev/null
start join "$MESHD" join 127.0.1.9:15012 --token-file "$WORK/token" --state "$(state 2)" --name n2 --address 127.0.1.2
wait_until 3 "the join to give up core dumps" no_core "$PID"
