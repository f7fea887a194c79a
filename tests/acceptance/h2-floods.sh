# SPDX-License-Identifier: Apache-2.0
# Floods of HTTP/2 frames against a real explicit listener end within their limits, are counted, cost no memory, and a
# second connection hardly notices.
. "$(dirname "$0")/../conformance/lib_edge.sh"
LANES=1
edge_up
before=$(rss_kib "$PID_n1")
found=$(python3 "$(dirname "$0")/../conformance/h2_vectors.py" floods 127.0.1.1:9100 127.0.1.2:18100 127.0.1.1:15020 || :)
after=$(rss_kib "$PID_n1")
sed '/^p99/,$d' <<<"$found" >&2
of() { awk -v w="$1" '$1 == w {print $2, $3}' <<<"$found"; }
read -r idle loaded <<<"$(of p99)"
read -r requests failed <<<"$(of beside)"
read -r counted <<<"$(of flood)"
verdict h2-floods "$(grep -c 'H2-DOS' <<<"$found" || :) floods, not ended as they should: $(grep -c FAILED <<<"$found" || :)" "16, 0" \
  test "$(grep -c 'H2-DOS' <<<"$found" || :) $(grep -c FAILED <<<"$found" || :)" = "16 0"
verdict h2-floods-beside "p99 $idle ms before, $loaded ms during; $requests requests, $failed failed" "at most twice, 0" \
  bash -c "python3 -c 'import sys; sys.exit(not ($loaded <= 2 * $idle and $failed == 0))'"
verdict h2-floods-counted "${counted:-0} connections ended as floods in meshd_refused_total" "10 or more" test "${counted:-0}" -ge 10
verdict h2-floods-memory "$((after - before)) KiB more" "at most 16384" test $((after - before)) -le 16384
exit $SHORT
