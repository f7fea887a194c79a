#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# detect.sh: `protocol: detect` in front of real servers: those that speak first (SMTP) and those that wait (Redis,
# PostgreSQL with its SSLRequest, HTTP/1, HTTP/2, HTTPS), and what it adds to the first word.
. "$(dirname "$0")/mesh-web.inc.sh"

cat >"$WORK/mesh.yaml" <<'YAML'
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  mail: { protocol: detect, listen: 9025, instances: [{ node: n2, bind: 127.0.1.2, port: 10025 }] }
  redis: { protocol: detect, listen: 9379, instances: [{ node: n2, bind: 127.0.1.2, port: 16379 }] }
  db: { protocol: detect, listen: 9432, instances: [{ node: n2, bind: 127.0.1.2, port: 15432 }] }
  web: { protocol: detect, listen: 9080, instances: [{ node: n2, bind: 127.0.1.2, port: 18080 }] }
  secure: { protocol: detect, listen: 9443, instances: [{ node: n2, bind: 127.0.1.2, port: 18443 }] }
  shop: { instances: [{ node: n1, any_local: true }] }
telemetry: { access_log: { only: "status >= 0" } }
policy:
  default: deny
  rules:
    - { name: no-secrets, deny: { to: web, paths: [/secret/**] } }
    - { name: shop-to-all, allow: { from: [service/shop], to: [mail, redis, db, web, secure] } }
YAML

# ---- the servers
start mail /usr/bin/python3 -m aiosmtpd -n -l 127.0.1.2:10025 -c aiosmtpd.handlers.Debugging stderr
start redis redis-server --bind 127.0.1.2 --port 16379 --save '' --dir "$WORK"
postgres_at() {  # ADDRESS PORT: a cluster of its own, as its own user, in the foreground
  local bin dir
  bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
  dir=$(mktemp -d /tmp/meshd-pg-XXXXXX)
  trap 'cleanup; rm -rf "$PGDIR"' EXIT
  PGDIR=$dir
  chown postgres "$dir"
  cd "$dir"
  runuser -u postgres -- "$bin/initdb" -D "$dir/data" -A trust -E UTF8 >"$WORK/initdb.log" 2>&1 || die "initdb"
  start postgres runuser -u postgres -- "$bin/postgres" -D "$dir/data" -h "$1" -p "$2" -k "$dir"
  cd "$WORK"
}
postgres_at 127.0.1.2 15432
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=secure.test \
  -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
nginx_at web 127.0.1.2 18080
nginx_at secure 127.0.1.2 "18443 ssl http2" "ssl_certificate $WORK/cert.pem; ssl_certificate_key $WORK/key.pem;"
echo plain >"$WORK/nginx-web/html/index.html"
echo secure >"$WORK/nginx-secure/html/index.html"
for port in 10025 16379 15432; do wait_until 20 "127.0.1.2:$port" port_open 127.0.1.2 $port; done
mesh_up 2
wait_until 10 "the mesh" answers http://127.0.1.1:9080/

# ---- real clients
mail=$(/usr/bin/python3 -c '
import smtplib
s = smtplib.SMTP("127.0.1.1", 9025, timeout=5)
s.sendmail("a@mesh.test", ["b@mesh.test"], "Subject: hi\r\n\r\nthrough the mesh")
print(s.quit()[0])' 2>&1 | tail -1)
verdict detect-smtp "a mail was taken, goodbye $mail" "221" [ "$mail" = 221 ]
redis=$(redis-cli -h 127.0.1.1 -p 9379 set k v; redis-cli -h 127.0.1.1 -p 9379 get k)
verdict detect-redis "$(echo $redis)" "OK v" [ "$(echo $redis)" = "OK v" ]
inline=$(printf 'GET k\r\nQUIT\r\n' | nc -q1 127.0.1.1 9379 | tr -d '\r' | head -2 | tail -1)
verdict detect-redis-inline "GET k: $inline" v [ "$inline" = v ]
sql=$(PGSSLMODE=prefer psql -h 127.0.1.1 -p 9432 -U postgres -Atc 'select 6*7' postgres 2>&1)
verdict detect-postgresql "select 6*7: $sql" 42 [ "$sql" = 42 ]
h1=$(curl -s --max-time 5 http://127.0.1.1:9080/)
verdict detect-http1 "$h1" plain [ "$h1" = plain ]
secret=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 http://127.0.1.1:9080/secret/key)
verdict detect-http1-policy "/secret/key: $secret" 403 [ "$secret" = 403 ]
tls=$(curl -sk --max-time 5 --connect-to secure.test:443:127.0.1.1:9443 https://secure.test/ -w '%{http_version}')
verdict detect-https "$(echo $tls)" "secure 2" [ "$(echo $tls)" = "secure 2" ]
sni() { grep -c '"host":"secure.test"' "$WORK/n1.log"; }
wait_until 5 "the name that TLS asked for, in the access log" sni

# ---- what it adds, from connect to the server's first word: the median of 101, direct and through the mesh by turns
cat >"$WORK/first_word.py" <<'PY'
import socket, statistics, sys, time

def first_word(address, say):
    begin = time.perf_counter()
    with socket.create_connection(address, timeout=5) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if say: s.sendall(say)
        if not s.recv(1): raise SystemExit("the connection ended without a word")
    return time.perf_counter() - begin

name, direct, mesh, say = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), bytes.fromhex(sys.argv[4])
d, m = [], []
for _ in range(101):
    d.append(first_word(("127.0.1.2", direct), say))
    m.append(first_word(("127.0.1.1", mesh), say))
print("%.2f" % ((statistics.median(m) - statistics.median(d)) * 1000))
PY
for place in "smtp 10025 9025 " "redis 16379 9379 50494e470d0a" "postgresql 15432 9432 0000000804d2162f"; do
  set -- $place
  added=$(python3 "$WORK/first_word.py" "$1" "$2" "$3" "${4-}")
  verdict "detect-added-$1" "$added ms to the first word" "< 5" at_most "$added" 5
done
exit $SHORT
