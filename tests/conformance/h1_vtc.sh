# SPDX-License-Identifier: Apache-2.0
# HTTP/1 through the mesh as a foreign client and backend see it: Debian's varnishtest runs vtc/*.vtc. ONLY=name for one.
. "$(dirname "$0")/lib_edge.sh"
command -v varnishtest >/dev/null || { say "varnishtest (package varnish) is not installed; skipped"; exit 77; }
scripts=("$(dirname "$0")"/vtc/${ONLY:-*}.vtc)
LANES=${#scripts[@]}
edge_up --threads 1 # else another connection may come by another loop, with an upstream connection of its own
failed=0
for i in "${!scripts[@]}"; do
  name=$(basename "${scripts[i]}" .vtc)
  if varnishtest -t 30 -D "listener=127.0.1.1:$((9100 + i))" -D "backend=127.0.1.2:$((18100 + i))" "${scripts[i]}" >"$WORK/$name.vtc.log" 2>&1; then
    say "$name: ok"
  else
    failed=$((failed + 1))
    say "$name: FAILED"
    grep -E '^\*\*\*\* |^---- ' "$WORK/$name.vtc.log" | tail -n 25 >&2
  fi
done
printf '%d of %d scripts passed\n' $((LANES - failed)) "$LANES"
[ "$failed" = 0 ]
