# SPDX-License-Identifier: Apache-2.0
# routing.sh: each kind of match and each action of a route, by curl through two nodes to real nginx backends.
. "$(dirname "$0")/mesh-web.inc.sh"

cat >"$WORK/mesh.yaml" <<'YAML'
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web:
    listen: 9001
    instances:
      - { node: n2, bind: 127.0.1.2, port: 18081, tags: { version: v1 } }
      - { node: n2, bind: 127.0.1.2, port: 18082, tags: { version: v2 } }
  new: { listen: 9002, instances: [{ node: n2, bind: 127.0.1.2, port: 18083 }] }
  shadow: { instances: [{ node: n2, bind: 127.0.1.2, port: 18084 }] }
  tls:
    protocol: tcp
    listen: 9003
    instances:
      - { node: n2, bind: 127.0.1.2, port: 18085, tags: { name: a } }
      - { node: n2, bind: 127.0.1.2, port: 18086, tags: { name: b } }
  shop: { instances: [{ node: n1, any_local: true }] }
  batch: { instances: [{ node: n1, unit: batch.service }] }
routes:
  - { name: regex, service: web, match: { path: { regex: "/item/[0-9]+" } }, to: [{ tags: { version: v2 } }], rewrite: { path: { replace_full: /who } } }
  - { name: query, service: web, match: { path: { exact: /who }, query: { v: { exact: "a b" } } }, to: [{ tags: { version: v2 } }] }
  - { name: canary, service: web, match: { path: { exact: /who }, headers: { x-canary: { regex: "[0-9]+" } } }, to: [{ tags: { version: v2 } }] }
  - { name: host, service: web, match: { host: "*.shop.test" }, to: [{ tags: { version: v2 } }] }
  - { name: batch, service: web, match: { path: { exact: /who }, from: [batch] }, respond: { status: 418 } }
  - { name: service, service: web, match: { path: { prefix: /new } }, to: [{ service: new }], rewrite: { path: { replace_prefix: / } } }
  - name: sticky
    service: web
    match: { path: { exact: /who }, query: { sticky: { present: true } } }
    sticky: { cookie: sid }
    to: [{ tags: { version: v1 } }, { tags: { version: v2 } }]
  - name: fields
    service: web
    match: { path: { exact: /fields } }
    to: [{ tags: { version: v1 } }]
    headers:
      request: { set: { x-set: mesh }, add: { x-add: two }, remove: [x-secret] }
      response: { set: { x-from: mesh }, add: { x-also: "1" }, remove: [server] }
    rewrite: { host: inner.test }
  - { name: pattern, service: web, match: { path: { prefix: /u } }, to: [{ tags: { version: v1 } }], rewrite: { path: { regex: "^/u/([a-z]+)$", substitution: '/echo/\1' } } }
  - { name: redirect, service: web, match: { path: { prefix: /old } }, redirect: { status: 308, scheme: https, host: shop.test, path: { replace_prefix: /shop } } }
  - { name: respond, service: web, match: { path: { exact: /down } }, respond: { status: 503, body: "we are painting\n", content_type: text/plain } }
  - { name: cors, service: web, match: { path: { prefix: /api } }, to: [{ tags: { version: v1 } }], cors: { allow_origins: ["https://*.shop.test"], allow_methods: [GET, PUT], allow_credentials: true, expose_headers: [x-id], max_age: 10m } }
  - { name: slow, service: web, match: { path: { exact: /slow } }, to: [{ tags: { version: v1 } }], fault: { delay: { time: 300ms } } }
  - { name: broken, service: web, match: { path: { exact: /broken } }, fault: { abort: { status: 555, percent: 50% } }, to: [{ tags: { version: v1 } }] }
  - { name: mirror, service: web, match: { path: { prefix: /copy } }, to: [{ tags: { version: v1 } }], mirror: { to: { service: shadow }, percent: 100% } }
  - { name: tenth, service: web, match: { path: { prefix: /tenth } }, to: [{ tags: { version: v1 } }], mirror: { to: { service: shadow }, percent: 10% } }
  - { name: rest, service: web, to: [{ tags: { version: v1 } }] }
  - { name: a, service: tls, match: { sni: a.tls.test }, to: [{ tags: { name: a } }] }
  - { name: b, service: tls, to: [{ tags: { name: b } }] }
policy:
  default: deny
  rules:
    - { name: no-secret, deny: { to: web, paths: [/echo/secret] } }
    - { name: shop, allow: { from: [service/shop], to: [web, new, shadow, tls] } }
YAML
backend() { # NAME PORT
  nginx_at "$1" 127.0.1.2 "$2" "
    location = /count { access_log off; stub_status; }
    location / { return 200 \"$1 \$request_method \$host \$request_uri set=\$http_x_set add=\$http_x_add secret=\$http_x_secret\\n\"; }
    location /copy { client_body_buffer_size 1m; access_log $WORK/$1.copies copies; proxy_pass http://127.0.1.2:$2/sink; }
    location /sink { return 200 \"$1\\n\"; }" "log_format copies '\$request_method \$request_uri \$content_length';"
}
backend v1 18081
backend v2 18082
backend new 18083
mkdir "$WORK/nginx-shadow"
backend shadow 18084
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
  -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
for n in a b; do
  port=$([ $n = a ] && echo 18085 || echo 18086)
  nginx_at "tls-$n" 127.0.1.2 "$port ssl" "ssl_certificate $WORK/cert.pem; ssl_certificate_key $WORK/key.pem;
    location / { return 200 \"tls $n\\n\"; }"
done
mesh_up 2
U=http://127.0.1.1:9001
wait_until 10 "an answer through the mesh" answers $U/who

get() { curl -s --max-time 10 "$@"; }
is() { # NAME WANTED GOT
  local got=${3//$'\n'/ }
  verdict "routing-$1" "${got:0:100}" "$2" test "$3" = "$2"
}
who() { get "$@" | cut -d' ' -f1; }
head_of() { get -D - -o /dev/null "$@" | tr -d '\r'; }
field() { sed -n "s/^$1: //Ip"; }

# ---- matches
is path-regex v2 "$(who $U/item/42)"
is path-regex-whole v1 "$(who $U/item/42x)"
is query v2 "$(who "$U/who?v=a%20b")"
is query-other v1 "$(who "$U/who?v=ab")"
is header-regex v2 "$(who -H 'x-canary: 12' $U/who)"
is header-other v1 "$(who -H 'x-canary: yes' $U/who)"
is host v2 "$(who -H 'host: a.shop.test' $U/who)"
is to-service "new GET 127.0.1.1 /x?q=1 set= add= secret=" "$(get "$U/new/x?q=1")"
sni() { get -k --resolve "$1:9003:127.0.1.1" "https://$1:9003/"; }
is sni "tls a" "$(sni a.tls.test)"
is sni-other "tls b" "$(sni c.tls.test)"
changes=0
for i in $(seq 20); do
  arms=$(for _ in 1 2 3 4 5; do who -H "cookie: sid=user$i" "$U/who?sticky"; done | sort -u)
  [ "$(wc -l <<<"$arms")" = 1 ] || changes=$((changes + 1))
  echo "$arms"
done >"$WORK/arms"
is sticky 0 "$changes"
is sticky-both "v1 v2 " "$(sort -u "$WORK/arms" | tr '\n' ' ')"

# ---- actions
is request-fields "v1 GET inner.test /fields set=mesh add=two secret=" "$(get -H 'x-set: mine' -H 'x-secret: 1' $U/fields)"
h=$(head_of $U/fields)
is response-fields "mesh 1 " "$(field x-from <<<"$h") $(field x-also <<<"$h") $(field server <<<"$h")"
is rewrite-regex "/echo/bob?x=1" "$(get "$U/u/bob?x=1" | cut -d' ' -f4)"
is rewrite-then-policy 403 "$(curl -s -o /dev/null -w '%{http_code}' $U/u/secret)"
h=$(head_of "$U/old/a?b=c")
is redirect "https://shop.test/shop/a?b=c" "$(field location <<<"$h")"
is redirect-status 308 "$(head -1 <<<"$h" | cut -d' ' -f2)"
is respond "503 text/plain we are painting" "$(curl -s -w '%{http_code} %{content_type} ' -o "$WORK/body" $U/down)$(cat "$WORK/body")"
h=$(head_of -X OPTIONS -H 'origin: https://a.shop.test' -H 'access-control-request-method: PUT' $U/api/x)
is cors-preflight "204 https://a.shop.test GET, PUT true 600" "$(head -1 <<<"$h" | cut -d' ' -f2) $(field access-control-allow-origin <<<"$h") $(field access-control-allow-methods <<<"$h") $(field access-control-allow-credentials <<<"$h") $(field access-control-max-age <<<"$h")"
h=$(head_of -X OPTIONS -H 'origin: https://evil.test' -H 'access-control-request-method: PUT' $U/api/x)
is cors-foreign-preflight "" "$(field access-control-allow-origin <<<"$h")"
h=$(head_of -H 'origin: https://a.shop.test' $U/api/x)
is cors-answer "https://a.shop.test x-id origin" "$(field access-control-allow-origin <<<"$h") $(field access-control-expose-headers <<<"$h") $(field vary <<<"$h")"
is cors-foreign-answer "" "$(head_of -H 'origin: https://evil.test' $U/api/x | field access-control-allow-origin)"
took=$(curl -s -o /dev/null -w '%{time_total}' $U/slow)
verdict routing-delay "$took s" ">= 0.3" at_least "$took" 0.3
for _ in $(seq 400); do printf 'url = "%s/broken"\noutput = /dev/null\n' $U; done >"$WORK/many"
broken=$(curl -s -K "$WORK/many" -w '%{http_code}\n' | grep -c 555) || :
verdict routing-abort "$broken of 400 aborted" "200 +- 60" at_most "$(python3 -c "print(abs($broken - 200))")" 60
h=$(for _ in $(seq 30); do head_of $U/broken; done | field x-meshd-error | sort -u)
is abort-reason "fault; route=broken at mesh.yaml" "${h%%:*}"

# ---- mirror: a copy of each with its content, whatever becomes of it; over the bound none, and the request goes on
copies() { [ "$(wc -l <"$WORK/shadow.copies")" -ge "$1" ]; }
get $U/copy/1 >/dev/null
head -c 20000 /dev/zero >"$WORK/small"
get --data-binary "@$WORK/small" $U/copy/2 >/dev/null
wait_until 5 "two copies" copies 2
is mirror "GET /copy/1 - POST /copy/2 20000 " "$(sort "$WORK/shadow.copies" | tr '\n' ' ')"
head -c 500000 /dev/zero >"$WORK/large"
is mirror-large v1 "$(get --data-binary "@$WORK/large" $U/copy/3)"
mirrored() { get http://127.0.1.1:15020/metrics | awk -v r="$1" '$0 ~ "^meshd_mirrored_total.*" r {n += $NF} END {print n + 0}'; }
dropped() { [ "$(mirrored dropped)" = "$1" ]; }
wait_until 5 "the large one to be counted" dropped 1
is mirror-counted "2 1" "$(mirrored answered) $(mirrored dropped)"
before=$(mirrored answered)
h2load --h1 -n 10000 -c 8 $U/tenth >"$WORK/tenth" 2>&1
is mirror-share-failures 0 "$(h2load_bad <"$WORK/tenth")"
settled() { local n; n=$(mirrored ''); pause 0.3; [ "$n" = "$(mirrored '')" ]; }
wait_until 10 "the copies to be over" settled
share=$(python3 -c "print(round(($(mirrored '')-3-0*$before)/100,2))")
verdict routing-mirror-share "$share %" "10 +- 1.5" at_most "$(python3 -c "print(abs($share - 10))")" 1.5
stop "$PID_nginx_shadow"
took=$(curl -s -o /dev/null -w '%{http_code} %{time_total}' $U/copy/4)
verdict routing-mirror-gone "$took s" "200, <= 0.3 s" at_most "${took#200 }" 0.3

# ---- explain: the same decision in words
explain() { "$MESHD" explain --state "$(state 1)" "$@"; }
e=$(explain --from service/shop GET "http://web/who" -H 'x-canary: 7' -o json)
is explain-route canary "$(json 'd["route"]["name"]' <<<"$e")"
is explain-lost "path: regex /item/[0-9]+ does not take /who" "$(json 'd["routes"][0]["lost"]' <<<"$e")"
is explain-lost-query "query: v = a b does not hold" "$(json 'd["routes"][1]["lost"]' <<<"$e")"
is explain-policy "allow shop" "$(json 'd["arms"][0]["policy"]["verdict"]+" "+d["arms"][0]["policy"]["rule"]' <<<"$e")"
is explain-identity "spiffe://accept.mesh/ns/default/sa/web" "$(json 'd["arms"][0]["identity"]' <<<"$e")"
is explain-candidates "18082 up" "$(json '" ".join(str(c["port"])+" "+c["state"] for c in d["arms"][0]["candidates"])' <<<"$e")"
is explain-caller "answered" "$(explain --from service/batch http://web/who -o json | json 'd["verdict"]')"
is explain-rewritten "denied" "$(explain --from service/shop http://web/u/secret -o json | json 'd["verdict"]')"
is explain-sni "a" "$(explain --from service/shop tcp://tls --sni a.tls.test -o json | json 'd["route"]["name"]')"
line=$(grep -n 'name: canary' "$WORK/mesh.yaml" | cut -d: -f1)
explained=$(explain --from service/shop GET http://web/who -H 'x-canary: 7' | grep -c "route canary (mesh.yaml:$line:.*takes it") || :
is explain-line 1 "$explained"
exit $SHORT
