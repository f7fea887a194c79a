# SPDX-License-Identifier: Apache-2.0
# 100,000 mutated connections through the mesh to each of two servers: what meshd forwarded is what they counted.
# SEED=N repeats a run, CASES=N makes it shorter.
. "$(dirname "$0")/../lib/mesh.sh"
seed=${SEED:-$(date +%s)} cases=${CASES:-100000}
driver=$ROOT/tests/conformance/h1_differential.py

cat >"$WORK/mesh.yaml" <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  nginx: { listen: 9101, instances: [{ node: n2, bind: 127.0.1.2, port: 18101 }] }
  lighttpd: { listen: 9102, instances: [{ node: n2, bind: 127.0.1.2, port: 18102 }] }
  shop: { instances: [{ node: n1, any_local: true }] }
policy:
  default: deny
  rules: [{ name: shop-to-all, allow: { from: [service/shop] } }]
telemetry: { access_log: { output: $WORK/mesh-access, only: "" } }
YAML

# Both read everything that meshd may forward, and log each request with its id and its client.
nginx_at nginx 127.0.1.2 18101 "
    large_client_header_buffers 8 80k; client_header_buffer_size 80k; ignore_invalid_headers off;
    access_log $WORK/nginx-access ids buffer=64k flush=1s;
    location / { return 200 ok; }" "
  log_format ids '\$http_x_request_id\\t\$http_x_forwarded_for\\t\$request\\t\$status';
  server {
    listen 127.0.1.2:18103; access_log off; client_header_buffer_size 80k;
    location / { return 200 ok; }
  }"
mkdir -p "$WORK/lighttpd"
cat >"$WORK/lighttpd.conf" <<CONF
server.document-root = "$WORK/lighttpd"
server.bind = "127.0.1.2"
server.port = 18102
server.modules = ( "mod_accesslog", "mod_proxy" )
server.max-keep-alive-requests = 1000000
server.max-request-field-size = 80000
server.errorlog = "$WORK/lighttpd-errors"
accesslog.filename = "$WORK/lighttpd-access"
accesslog.format = "%{X-Request-ID}i\t%{X-Forwarded-For}i\t%r\t%s"
proxy.server = ( "" => (( "host" => "127.0.1.2", "port" => 18103 )) )
CONF
start lighttpd lighttpd -D -f "$WORK/lighttpd.conf"
wait_until 10 lighttpd port_open 127.0.1.2 18102
mesh_up 2
answers() { [ "$(curl -s -o /dev/null --max-time 2 -w '%{http_code}' "$1")" = 200 ]; }
wait_until 10 "answers through the mesh" answers http://127.0.1.1:9101/
wait_until 10 "answers through the mesh" answers http://127.0.1.1:9102/
began=$(date +%s)
# send NAME PORT: every case to this server.
send() { start "send-$1" bash -c 'exec timeout 600 python3 "$@" >"$0"' "$WORK/answers-$1" "$driver" send "$seed" "$cases" "127.0.1.1:$2"; }
send nginx 9101
send lighttpd 9102
wait "$PID_send_nginx" || die "the driver"
wait "$PID_send_lighttpd" || die "the driver"
took=$(($(date +%s) - began))
refused=$(curl -s http://127.0.1.1:15020/metrics | awk '/^meshd_refused_total/ {n += $2} END {print n + 0}')
# Who has gone has written its log.
for pid in "$PID_n1" "$PID_n2" "$PID_lighttpd"; do stop "$pid"; done
stop "$PID_nginx_nginx" QUIT
for name in nginx lighttpd; do
  figure=$(python3 "$driver" judge "$seed" "$WORK/answers-$name" "$WORK/mesh-access" "$WORK/$name-access" $name | tee /dev/stderr | tail -1) || :
  verdict "differential-$name" "seed $seed: ${figure:-no result}" "0 differences" test "${figure%% *}" = 0
done
verdict differential-refused "$refused requests were refused before they were one" "> 0: counted" test "$refused" -gt 0
verdict differential-time "$took s for $cases connections to each" "<= 600 s" at_most "$took" 600
exit $SHORT
