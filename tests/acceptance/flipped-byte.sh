# SPDX-License-Identifier: Apache-2.0
# A flipped byte anywhere in the server's database (revisions, audit chain, tokens, nodes) or in a node's snapshot is found,
# and never acted on.
. "$(dirname "$0")/mesh-web.inc.sh"
one_web
# Some history: revisions, audit records, tokens.
for i in 1 2 3 4 5; do
  sed -i "s/shop-to-web[0-9]*/shop-to-web$i/" "$WORK/mesh.yaml"
  "$MESHD" apply "$WORK/mesh.yaml" --state "$(state 1)" >/dev/null 2>&1
  "$MESHD" token create --node "x$i" --state "$(state 1)" >/dev/null 2>&1
done
newest_taken() { node_ready 2 "$("$MESHD" status --state "$(state 1)" -o json | json 'd["revision"]')"; }
wait_until 10 "n2 at the newest revision" newest_taken
good=$("$MESHD" status --state "$(state 2)" -o json | json 'd["sha256"]')
stop "$PID_n2"
stop "$PID_n1"

# flip FILE OFFSET BIT
flip() { python3 -c 'import sys; f=open(sys.argv[1],"r+b"); f.seek(int(sys.argv[2])); b=f.read(1)[0]; f.seek(int(sys.argv[2])); f.write(bytes([b ^ 1 << int(sys.argv[3])]))' "$@"; }
db=$(state 1)/mesh.db
cp "$db" "$WORK/whole.db"
size=$(stat -c %s "$db")
found=0 tries=150 silent=
for i in $(seq $tries); do
  cp "$WORK/whole.db" "$db"
  at=$((100 + (RANDOM * 32768 + RANDOM) % (size - 100)))
  flip "$db" "$at" $((RANDOM % 8))
  code=0
  timeout 10 "$MESHD" run --state "$(state 1)" >"$WORK/damaged.log" 2>&1 || code=$?
  if [ "$code" = 1 ] && grep -q 'mesh.db is damaged' "$WORK/damaged.log"; then found=$((found + 1)); else silent+=" $at:$code"; fi
done
verdict database "$found of $tries found in ${size} bytes${silent:+; not:$silent}" "all" test "$found" = "$tries"
cp "$WORK/whole.db" "$db"

# Whole again, it starts, and its chains stand.
run_node 1
wait_until 10 "the whole database" node_ready 1
verdict audit-chain "$("$MESHD" audit verify --state "$(state 1)" 2>&1 | head -1 | cut -c1-60)" "verified" \
  "$MESHD" audit verify --state "$(state 1)"
stop "$PID_n1"

# Without its server the node acts on what is on its disk, or on nothing.
snapshot=$(state 2)/snapshot
cp "$snapshot" "$WORK/whole.snapshot"
cp "$snapshot.prev" "$WORK/whole.prev"
acted=0 told=0 tries=40
for i in $(seq $tries); do
  cp "$WORK/whole.snapshot" "$snapshot"
  cp "$WORK/whole.prev" "$snapshot.prev"
  flip "$snapshot" $((RANDOM * 4 % $(stat -c %s "$snapshot"))) $((RANDOM % 8))
  [ $((i % 2)) = 0 ] || flip "$snapshot.prev" $((RANDOM * 4 % $(stat -c %s "$snapshot.prev"))) $((RANDOM % 8))
  run_node 2
  wait_until 10 "n2's local API" "$MESHD" status --state "$(state 2)" -o json
  sha=$("$MESHD" status --state "$(state 2)" -o json | json 'd.get("sha256", "none")')
  [ "$sha" != "$good" ] || acted=$((acted + 1))
  if [ $((i % 2)) = 1 ] && [ "$sha" != none ]; then acted=$((acted + 1)); fi
  ! grep -q 'snapshot is damaged' "$WORK/n2.log" || told=$((told + 1))
  stop "$PID_n2"
done
verdict snapshot "$told of $tries found, $acted acted on" "all found, 0" test "$told" = "$tries" -a "$acted" = 0
exit $SHORT
