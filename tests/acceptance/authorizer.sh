# SPDX-License-Identifier: Apache-2.0
# An authorizer (nginx) is asked about what the rules allow: its yes, its no, its silence, and the switch that fails open.
. "$(dirname "$0")/mesh-web.inc.sh"

write_file() {
  cat >"$WORK/mesh.yaml" <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web: { listen: 9001, instances: [{ node: n2, bind: 127.0.1.2, port: 18080 }] }
  free: { listen: 9002, instances: [{ node: n2, bind: 127.0.1.2, port: 18081 }] }
  shop: { instances: [{ node: n1, any_local: true }] }
policy:
  default: deny
  authorizer:
    url: http://127.0.1.2:9191/check
    to: [web]
    timeout: 300ms
    on_failure: $1
    headers: [x-key]
    set: [x-user]
  rules:
    - { name: shop-to-all, allow: { from: [service/shop], to: [web, free], methods: [GET] } }
YAML
}
write_file deny
# The authorizer decides by x-key, and shows what it was asked in a field that only it may set.
nginx_at check 127.0.1.2 9191 'location = /check {
  add_header x-user "$http_x_meshd_client_id $http_x_forwarded_method $http_x_forwarded_uri" always;
  add_header www-authenticate "Basic realm=\"shop\"" always;
  if ($http_x_key = yes) { return 204; }
  if ($http_x_key = no) { return 403 "not you\n"; }
  if ($http_x_key = broken) { return 500; }
  return 401 "who are you\n"; }
  location = /asked { stub_status; }'
nginx_at web 127.0.1.2 18080 'location / { add_header seen-user "$http_x_user" always; return 200 "web\n"; }
  location = /count { stub_status; }'
nginx_at free 127.0.1.2 18081 'location / { return 200 "free\n"; }'
mesh_up 2

call() { curl -s -o "$WORK/body" -D "$WORK/head" -w '%{http_code}' --max-time 5 "$@" "http://127.0.1.1:${port-9001}/a?b=c" || :; }
is() { local code=$1; shift; [ "$(call "$@")" = "$code" ]; }
field() { tr -d '\r' <"$WORK/head" | sed -n "s/^$1: //Ip"; }
requests() { curl -s "http://127.0.1.2:$1" | awk 'NR == 3 {print $3}'; }

wait_until 10 "an allowed call" is 200 -H 'x-key: yes'
verdict authorizer-yes "$(call -H 'x-key: yes' -H 'x-user: root'), the program sees $(field seen-user)" \
  "200, the authorizer's word alone" test "$(field seen-user)" = "spiffe://accept.mesh/ns/default/sa/shop GET /a?b=c"
before=$(requests 18080/count)
verdict authorizer-no "$(call -H 'x-key: no'), $(cat "$WORK/body"), $(field x-meshd-error)" "403 and its own answer" \
  grep -q '^not you' "$WORK/body"
code=$(call)
verdict authorizer-challenge "$code, $(field www-authenticate)" '401, Basic realm="shop"' \
  test "$code $(field www-authenticate)" = '401 Basic realm="shop"'
code=$(call -H 'x-key: broken')
verdict authorizer-neither "$code, $(field x-meshd-error)" "503" test "$code" = 503
asked=$(requests 9191/asked)
code=$(call -X DELETE -H 'x-key: yes')
verdict authorizer-after-rules "$code, asked $(($(requests 9191/asked) - asked - 1)) times" "403, never asked" \
  test "$code $(($(requests 9191/asked) - asked))" = "403 2"
verdict authorizer-unseen "$(($(requests 18080/count) - before - 1)) refused requests reached the program" 0 \
  test "$(($(requests 18080/count) - before))" = 2
port=9002 verdict authorizer-others "$(port=9002 call)" "200 where nobody is to be asked" test "$(port=9002 call)" = 200

# Silence: the process stands still.
for pid in $(pgrep -P "$PID_nginx_check") "$PID_nginx_check"; do kill -STOP "$pid"; done
from=$(date +%s%3N)
code=$(call -H 'x-key: yes')
took=$(($(date +%s%3N) - from))
verdict authorizer-late "$code after $took ms" "504 after 300 ms" test "$code" = 504 -a "$took" -ge 300 -a "$took" -le 1500
write_file allow
"$MESHD" apply "$WORK/mesh.yaml" --state "$(state 1)" >/dev/null 2>&1 || die "apply"
wait_until 10 "the switch on the called node" node_ready 2 2
verdict authorizer-open "$(call -H 'x-key: yes')" "200 with on_failure: allow" is 200 -H 'x-key: yes'
code=$(call -H 'x-user: root')
verdict authorizer-open-clean "$code, the program sees '$(field seen-user)'" "nothing that only the authorizer may say" \
  test "$code" = 200 -a -z "$(field seen-user)"
for pid in "$PID_nginx_check" $(pgrep -P "$PID_nginx_check"); do kill -CONT "$pid"; done
wait_until 10 "its word again" is 403 -H 'x-key: no'
verdict authorizer-back "$(call -H 'x-key: no')" 403 is 403 -H 'x-key: no'
counted=$(curl -s http://127.0.1.2:15020/metrics | grep -c '^meshd_authorizer_total{' || :)
verdict authorizer-counted "$counted results counted" 4 test "$counted" = 4
exit $SHORT
