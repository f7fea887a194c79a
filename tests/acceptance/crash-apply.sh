# SPDX-License-Identifier: Apache-2.0
# kill -9 of the server 50 times during apply: every revision that was acknowledged is there afterwards.
. "$(dirname "$0")/mesh-web.inc.sh"
TIMES=${TIMES:-50}
one_web_file
"$MESHD" init --state "$(state 1)" --config "$WORK/mesh.yaml" --name n1 --address 127.0.1.1 >"$WORK/init.log" 2>&1
lost=0 acknowledged=0
history_has() {  # history_has REVISION TEXT
  "$MESHD" config show --state "$(state 1)" --revision "$1" 2>/dev/null | grep -q "# edit $2\$"
}
check_all() {
  while read -r revision edit; do history_has "$revision" "$edit" || lost=$((lost + 1)); done <"$WORK/acknowledged"
}
: >"$WORK/acknowledged"
for i in $(seq "$TIMES"); do
  run_node 1
  wait_until 10 "the server, time $i" node_ready 1
  (
    for edit in $(seq 1000); do
      cp "$WORK/mesh.yaml" "$WORK/next.yaml"
      sed -i '/^# edit/d' "$WORK/next.yaml"
      echo "# edit $i.$edit" >>"$WORK/next.yaml"
      revision=$("$MESHD" apply "$WORK/next.yaml" --state "$(state 1)" -o json 2>/dev/null | json 'd["revision"]') || exit 0
      echo "$revision $i.$edit" >>"$WORK/acknowledged"
    done
  ) 2>/dev/null &
  writer=$!
  pause "0.$((RANDOM % 400 + 100))"
  stop "$PID_n1" KILL
  wait "$writer" || :
done
run_node 1
wait_until 10 "the server at the end" node_ready 1
acknowledged=$(wc -l <"$WORK/acknowledged")
check_all
verdict crash-apply "$lost lost of $acknowledged acknowledged, $TIMES kills" 0 test "$lost" = 0 -a "$acknowledged" -gt 0
exit $SHORT
