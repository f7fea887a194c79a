# SPDX-License-Identifier: Apache-2.0
# peers.sh: the proxies that are measured, each as two processes on one path: client, A in plain text, mTLS, B, in plain
# text to nginx. up_PEER starts both and sets FRONT (A's address), FRONT_H2, MTLS (B's), CLIENT_CERT, CLIENT_KEY, PIDS_A,
# PIDS_B; it fails where the peer is not installed. Sourced by run.sh. One worker thread each.

BACKEND=127.0.0.1:18080
ON_PROXY=() ON_LOAD=()
[ "$(nproc)" -lt 2 ] || { ON_PROXY=(taskset -c 0) ON_LOAD=(taskset -c 1); }

# One CA, a certificate for each side.
make_certificates() {
  local dir=$WORK/pki side
  mkdir -p "$dir"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=bench CA" \
    -addext basicConstraints=critical,CA:TRUE -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
  for side in a b; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$side.bench.test" \
      -keyout "$dir/$side.key" -out "$dir/$side.csr" 2>/dev/null
    printf 'subjectAltName=DNS:%s.bench.test\nextendedKeyUsage=serverAuth,clientAuth\n' "$side" >"$dir/$side.ext"
    openssl x509 -req -in "$dir/$side.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
      -extfile "$dir/$side.ext" -out "$dir/$side.crt" 2>/dev/null
    cat "$dir/$side.crt" "$dir/$side.key" >"$dir/$side.pem"
  done
}

# two PEER A-COMMAND… -- B-COMMAND…: starts both.
pair() {
  local peer=$1 a=()
  shift
  while [ "$1" != -- ]; do
    a+=("$1")
    shift
  done
  shift
  start "$peer-B" "${ON_PROXY[@]}" "$@"
  PIDS_B=$PID
  start "$peer-A" "${ON_PROXY[@]}" "${a[@]}"
  PIDS_A=$PID
  CLIENT_CERT=$WORK/pki/a.crt CLIENT_KEY=$WORK/pki/a.key
  wait_until 10 "$peer's B on $MTLS" port_open "${MTLS%:*}" "${MTLS#*:}"
  wait_until 10 "$peer's A on $FRONT" port_open "${FRONT%:*}" "${FRONT#*:}"
}

haproxy_with() {  # haproxy_with PEER ALPN BASE-PORT
  command -v haproxy >/dev/null || return 1
  local peer=$1 alpn=$2 base=$3 pki=$WORK/pki common
  FRONT=127.0.0.1:$base FRONT_H2=$FRONT MTLS=127.0.0.1:$((base + 1))
  common="global
  nbthread 1
  maxconn 12000
  no strict-limits
  tune.pool-high-fd-ratio 95
  tune.pool-low-fd-ratio 90
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h"
  printf '%s\nfrontend f\n  bind %s backlog 16384\n  default_backend b\nbackend b\n  server b %s pool-purge-delay 60s ssl ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256 verify required ca-file %s crt %s verifyhost b.bench.test sni str(b.bench.test) alpn %s\n' \
    "$common" "$FRONT" "$MTLS" "$pki/ca.crt" "$pki/a.pem" "$alpn" >"$WORK/$peer-A.cfg"
  printf '%s\nfrontend f\n  bind %s backlog 16384 ssl crt %s ca-file %s verify required ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256 curves X25519 alpn %s\n  default_backend b\nbackend b\n  server b %s pool-purge-delay 60s\n' \
    "$common" "$MTLS" "$pki/b.pem" "$pki/ca.crt" "$alpn" "$BACKEND" >"$WORK/$peer-B.cfg"
  pair "$peer" haproxy -db -f "$WORK/$peer-A.cfg" -- haproxy -db -f "$WORK/$peer-B.cfg"
}
up_haproxy() { haproxy_with haproxy http/1.1 20100; }
up_haproxy_h2() { haproxy_with haproxy_h2 h2 20110; }

up_nginx() {
  local side pki=$WORK/pki
  FRONT=127.0.0.1:20120 FRONT_H2=127.0.0.1:20121 MTLS=127.0.0.1:20122
  for side in A B; do
    mkdir -p "$WORK/nginx_peer-$side"
    {
      cat <<CONF
daemon off; worker_processes 1; pid $WORK/nginx_peer-$side/pid; error_log $WORK/nginx_peer-$side/error crit;
$([ "$(id -u)" != 0 ] || echo 'user root;')
worker_rlimit_nofile 30000;
events { worker_connections 15000; multi_accept on; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; proxy_http_version 1.1;
  client_body_temp_path $WORK/nginx_peer-$side/body; proxy_temp_path $WORK/nginx_peer-$side/proxy;
  fastcgi_temp_path $WORK/nginx_peer-$side/f; uwsgi_temp_path $WORK/nginx_peer-$side/u; scgi_temp_path $WORK/nginx_peer-$side/s;
  proxy_set_header Connection ""; proxy_max_temp_file_size 0;
CONF
      if [ $side = A ]; then
        cat <<CONF
  upstream up { server $MTLS; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 1h; }
  server { listen $FRONT backlog=16384; listen $FRONT_H2 http2 backlog=4096;
    location / { proxy_pass https://up; proxy_ssl_protocols TLSv1.3; proxy_ssl_certificate $pki/a.crt; proxy_ssl_certificate_key $pki/a.key;
      proxy_ssl_trusted_certificate $pki/ca.crt; proxy_ssl_verify on; proxy_ssl_name b.bench.test; proxy_ssl_server_name on; } } }
CONF
      else
        cat <<CONF
  upstream up { server $BACKEND; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 1h; }
  server { listen $MTLS ssl backlog=16384; ssl_protocols TLSv1.3; ssl_ecdh_curve X25519; ssl_certificate $pki/b.crt; ssl_certificate_key $pki/b.key;
    ssl_client_certificate $pki/ca.crt; ssl_verify_client on; location / { proxy_pass http://up; } } }
CONF
      fi
    } >"$WORK/nginx_peer-$side.conf"
  done
  pair nginx_peer nginx -p "$WORK/nginx_peer-A" -c "$WORK/nginx_peer-A.conf" -- nginx -p "$WORK/nginx_peer-B" -c "$WORK/nginx_peer-B.conf"
}

up_nghttpx() {
  command -v nghttpx >/dev/null || return 1
  local pki=$WORK/pki
  FRONT=127.0.0.1:20130 FRONT_H2=$FRONT MTLS=127.0.0.1:20131
  local common=(--conf=/dev/null --single-process --workers=1 --no-server-rewrite --errorlog-file=/dev/null --accesslog-file=/dev/null)
  pair nghttpx nghttpx "${common[@]}" -f "127.0.0.1,20130;no-tls" -b "127.0.0.1,20131;;tls;proto=h2;sni=b.bench.test" --cacert="$pki/ca.crt" \
    --client-cert-file="$pki/a.crt" --client-private-key-file="$pki/a.key" -- \
    nghttpx "${common[@]}" -f "127.0.0.1,20131" -b "127.0.0.1,18080" --verify-client --verify-client-cacert="$pki/ca.crt" "$pki/b.key" "$pki/b.crt"
}

# A is node n2, B is node n3; the server (n1) is a third process that no request passes.
up_meshd() {
  FRONT=127.0.1.2:9001 FRONT_H2=$FRONT MTLS=127.0.1.3:15008
  cat >"$WORK/mesh.yaml" <<YAML
version: 1
mesh: { name: bench, trust_domain: bench.mesh }
services:
  web:
    listen: 9001
    instances: [{ node: n3, bind: 127.0.0.1, port: 18080 }]
  shop: { instances: [{ node: n2, any_local: true }] }
policy:
  default: deny
  rules:
    - { name: shop-to-web, allow: { from: [service/shop], to: web } }
YAML
  [ -z "${MESH_EXTRA:-}" ] || cat "$MESH_EXTRA" >>"$WORK/mesh.yaml"
  mesh_up 3 --threads 1
  PIDS_A=$PID_n2 PIDS_B=$PID_n3
  CLIENT_CERT=$(state 2)/identities/svc.shop.crt CLIENT_KEY=$(state 2)/identities/svc.shop.key
  [ "${#ON_PROXY[@]}" = 0 ] || { taskset -apc 0 "$PIDS_A" && taskset -apc 0 "$PIDS_B"; } >/dev/null
  wait_until 10 "meshd's A on $FRONT" answers "http://$FRONT/"
}
answers() { [ "$(curl -s -o /dev/null --max-time 2 -w '%{http_code}' "$1")" = 200 ]; }
