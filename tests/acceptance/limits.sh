# SPDX-License-Identifier: Apache-2.0
# The limits of HTTP/1, from outside: each at its last good value and one beyond, each deadline; each refusal is counted.
. "$(dirname "$0")/../lib/mesh.sh"
for what in h1_limits.sh h1_deadlines.long.sh; do
  bash "$ROOT/tests/conformance/$what" >"$WORK/$what.txt" 2>"$WORK/$what.log" || :
  good=$(grep -c ' ok$' "$WORK/$what.txt") bad=$(grep -c ' FAILED$' "$WORK/$what.txt") || :
  verdict "limits-${what%%.*}" "$good as they should be, $bad not$(grep ' FAILED$' "$WORK/$what.txt" | sed 's/^/; /' | tr -d '\n')" \
    "all, at least 11" test "$bad" = 0 -a "$good" -ge 11
done
exit $SHORT
