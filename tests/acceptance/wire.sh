# SPDX-License-Identifier: Apache-2.0
# What passes between the nodes is TLS 1.3 and nothing of the request; strangers are refused.
. "$(dirname "$0")/mesh-web.inc.sh"
one_web_file
nginx_at web 127.0.1.2 18080
echo plain-text-of-the-answer >"$WORK/nginx-web/html/index.html"
mesh_up 2
wait_until 10 "an answer through the mesh" answers http://127.0.1.1:9001/

if [ "$(id -u)" = 0 ]; then
  start tcpdump tcpdump -i lo -U --immediate-mode -w "$WORK/wire.pcap" 'tcp port 15008'
  wait_until 5 "tcpdump" grep -q 'listening on' "$WORK/tcpdump.log"
  # A new connection, so that its handshake is in the capture.
  stop "$PID_n1"
  run_node 1
  wait_until 10 "n1 again" answers http://127.0.1.1:9001/
  for _ in $(seq 20); do curl -s "http://127.0.1.1:9001/?plain-text-of-the-request" -H 'x-secret: plain-text-of-the-field' >/dev/null; done
  pause 0.5
  stop "$PID_tcpdump"
  bytes=$(stat -c %s "$WORK/wire.pcap")
  seen=$(grep -ac 'plain-text-of' "$WORK/wire.pcap" || :)
  verdict wire-text "$seen lines of the request in $bytes captured bytes" 0 test "$seen" = 0 -a "$bytes" -gt 5000
else
  say "wire-text: needs root to capture; skipped"
fi

# talk [NAME]: what the mesh port says to a client with the certificate NAME.crt, NAME.key: to HTTP/2's preface
# and SETTINGS it answers with a SETTINGS frame.
talk() {
  local shown=()
  [ -z "${1:-}" ] || shown=(-cert "$1.crt" -cert_chain "$1.crt" -key "$1.key")
  { printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0'; pause 1; } |
    timeout 5 openssl s_client -connect 127.0.1.2:15008 -alpn h2 "${shown[@]}" -quiet 2>"$WORK/openssl.log" |
    head -c 9 | od -An -tx1 || :
}
id=$(state 1)/identities
frames=$(talk "$id/node")
verdict wire-control "a certificate of the mesh gets frames:$frames" "SETTINGS" grep -q '00 00 .. 04' <<<"$frames"
verdict wire-version "TLS 1.2 refused" "alert" bash -c \
  '! timeout 5 openssl s_client -connect 127.0.1.2:15008 -tls1_2 </dev/null 2>&1 | grep -q "Cipher is [A-Z]"'
got=$(talk)
verdict wire-none "no certificate:${got:- nothing}" nothing test -z "$got"

ext() { printf 'basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=critical,%s\n' "$1"; }
leaf() {  # leaf NAME CA-CERT CA-KEY SAN
  openssl ecparam -name prime256v1 -genkey -noout -out "$WORK/$1.key" 2>/dev/null
  openssl req -new -key "$WORK/$1.key" -subj / -out "$WORK/$1.csr" 2>/dev/null
  openssl x509 -req -in "$WORK/$1.csr" -CA "$2" -CAkey "$3" -days 1 -extfile <(ext "$4") -out "$WORK/$1.crt" 2>/dev/null
  cat "$2" >>"$WORK/$1.crt"
}
openssl ecparam -name secp384r1 -genkey -noout -out "$WORK/ca.key"
openssl req -x509 -new -key "$WORK/ca.key" -subj /CN=other -days 1 -out "$WORK/ca.pem" 2>/dev/null
san=URI:spiffe://accept.mesh/ns/default/sa/shop
leaf foreign "$WORK/ca.pem" "$WORK/ca.key" $san
got=$(talk "$WORK/foreign")
verdict wire-foreign "a certificate of another authority:${got:- nothing}" nothing test -z "$got"
ca=$(state 1)/ca
leaf own "$ca/issuing.crt" "$ca/issuing.key" $san
frames=$(talk "$WORK/own")
verdict wire-own "the same id by our authority gets frames:$frames" "SETTINGS" grep -q '00 00 .. 04' <<<"$frames"
leaf two "$ca/issuing.crt" "$ca/issuing.key" "$san,URI:spiffe://accept.mesh/ns/default/sa/admin"
got=$(talk "$WORK/two")
verdict wire-two-uris "a second URI SAN:${got:- nothing}" nothing test -z "$got"
verdict wire-plaintext "plaintext on 15008: $(printf 'GET / HTTP/1.1\r\nHost: web\r\n\r\n' | timeout 3 nc -q1 127.0.1.2 15008 2>/dev/null | grep -ac HTTP) answers" 0 \
  bash -c "! printf 'GET / HTTP/1.1\r\nHost: web\r\n\r\n' | timeout 3 nc -q1 127.0.1.2 15008 2>/dev/null | grep -aq HTTP"
exit $SHORT
