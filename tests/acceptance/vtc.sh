# SPDX-License-Identifier: Apache-2.0
# A foreign client and backend (varnishtest) find HTTP/1's rules kept through the mesh.
. "$(dirname "$0")/../lib/mesh.sh"
figure=$(bash "$ROOT/tests/conformance/h1_vtc.sh" | tail -1) || :
verdict vtc "${figure:-no result}" "all of them" test "${figure%% of*}" = "$(sed -E 's/.* of ([0-9]+) scripts.*/\1/' <<<"$figure")"
exit $SHORT
