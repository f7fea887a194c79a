# SPDX-License-Identifier: Apache-2.0
# What passes between the nodes is TLS 1.3 and nothing of the request; strangers are refused.
. "$(dirname "$0")/mesh-web.inc.sh"
one_web_file
nginx_at web 127.0.1.2 18080
echo plain-text-of-the-answer >"$WORK/nginx-web/html/index.html"
mesh_up 2
wait_until 10 "an answer through the mesh" answers http://127.0.1.1:9001/

if [ "$(id -u)" = 0 ]; then
  start tcpdump tcpdump -i lo -U -w "$WORK/wire.pcap" 'tcp port 15008'
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

# shown FILE…: does the mesh port go on talking after this client certificate? Its first frame is HTTP/2's SETTINGS.
talk() { timeout 5 openssl s_client -connect 127.0.1.2:15008 -alpn h2 "$@" -quiet -ign_eof 2>"$WORK/openssl.log" </dev/null | head -c 9 | od -An -tx1; }
id=$(state 1)/identities
verdict wire-control "a certificate of the mesh gets frames: $(talk -cert "$id/node.crt" -key "$id/node.key")" "SETTINGS" \
  grep -q '00 00 .. 04' <<<"$(talk -cert "$id/node.crt" -key "$id/node.key")"
verdict wire-version "TLS 1.2 refused" "alert" bash -c \
  '! timeout 5 openssl s_client -connect 127.0.1.2:15008 -tls1_2 </dev/null 2>&1 | grep -q "Cipher is [A-Z]"'
verdict wire-none "no certificate: $(talk | wc -c) bytes" 0 test -z "$(talk)"

ext() { printf 'basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=critical,%s\n' "$1"; }
leaf() {  # leaf NAME CA-CERT CA-KEY SAN
  openssl ecparam -name prime256v1 -genkey -noout -out "$WORK/$1.key" 2>/dev/null
  openssl req -new -key "$WORK/$1.key" -subj / -out "$WORK/$1.csr" 2>/dev/null
  openssl x509 -req -in "$WORK/$1.csr" -CA "$2" -CAkey "$3" -days 1 -extfile <(ext "$4") -out "$WORK/$1.pem" 2>/dev/null
  cat "$2" >>"$WORK/$1.pem"
}
openssl ecparam -name secp384r1 -genkey -noout -out "$WORK/ca.key"
openssl req -x509 -new -key "$WORK/ca.key" -subj /CN=other -days 1 -out "$WORK/ca.pem" 2>/dev/null
san=URI:spiffe://accept.mesh/ns/default/sa/shop
leaf foreign "$WORK/ca.pem" "$WORK/ca.key" $san
verdict wire-foreign "a certificate of another authority: $(talk -cert "$WORK/foreign.pem" -key "$WORK/foreign.key" | wc -c) bytes" 0 \
  test -z "$(talk -cert "$WORK/foreign.pem" -key "$WORK/foreign.key")"
ca=$(state 1)/ca
leaf own "$ca/issuing.crt" "$ca/issuing.key" $san
verdict wire-own "the same by our authority gets frames" "SETTINGS" \
  grep -q '00 00 .. 04' <<<"$(talk -cert "$WORK/own.pem" -key "$WORK/own.key")"
leaf two "$ca/issuing.crt" "$ca/issuing.key" "$san,URI:spiffe://accept.mesh/ns/default/sa/admin"
verdict wire-two-uris "a second URI SAN: $(talk -cert "$WORK/two.pem" -key "$WORK/two.key" | wc -c) bytes" 0 \
  test -z "$(talk -cert "$WORK/two.pem" -key "$WORK/two.key")"
verdict wire-plaintext "plaintext on 15008: $(printf 'GET / HTTP/1.1\r\nHost: web\r\n\r\n' | timeout 3 nc -q1 127.0.1.2 15008 2>/dev/null | grep -ac HTTP) answers" 0 \
  bash -c "! printf 'GET / HTTP/1.1\r\nHost: web\r\n\r\n' | timeout 3 nc -q1 127.0.1.2 15008 2>/dev/null | grep -aq HTTP"
exit $SHORT
