# SPDX-License-Identifier: Apache-2.0
# An offline root: the root key never comes to the server, openssl agrees with every certificate, and the issuing
# certificate is replaced by request without a failed call.
. "$(dirname "$0")/mesh-web.inc.sh"
cd "$WORK"
"$MESHD" ca root --trust-domain accept.mesh 2>/dev/null >/dev/null
about() { openssl x509 -in "$1" -noout -text; }
verdict root-key "$(about root.crt | sed -n 's/ *ASN1 OID: //p')" secp384r1 \
  grep -q 'ASN1 OID: secp384r1' <<<"$(about root.crt)"
verdict root-mode "$(stat -c %a root.key)" 600 test "$(stat -c %a root.key)" = 600
"$MESHD" ca new-request issuing.key >request.pem 2>/dev/null
"$MESHD" ca sign-intermediate request.pem --cert root.crt --key root.key >chain.pem 2>/dev/null
constraints=$(about chain.pem | grep -A1 'Basic Constraints' | tail -1 | xargs)
verdict issuing-constraints "$constraints" 'CA:TRUE, pathlen:0' test "$constraints" = 'CA:TRUE, pathlen:0'
days=$((($(date -d "$(openssl x509 -in chain.pem -noout -enddate | cut -d= -f2)" +%s) - $(date +%s) + 43200) / 86400))
verdict issuing-life "$days d" '30 d' test "$days" = 30
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out foreign.key 2>/dev/null
refused=0
"$MESHD" init --state x --config x.yaml --name n1 --address 127.0.1.1 --trust-domain accept.mesh \
  --ca-cert chain.pem --ca-key foreign.key 2>/dev/null || refused=1
verdict foreign-key-refused "$refused" 1 test "$refused" = 1 -a ! -e x

INIT=(--ca-cert "$WORK/chain.pem" --ca-key "$WORK/issuing.key")
one_web
keys=$(find "$(state 1)" -name root.key | wc -l)
verdict root-key-on-server "$keys" 0 test "$keys" = 0
# leaf N: what node N's mesh port shows, as `openssl verify` judges it with the root alone.
shown() { openssl s_client -connect "127.0.1.$1:15008" -alpn h2 -showcerts </dev/null 2>/dev/null | sed -n '/BEGIN CERT/,/END CERT/p'; }
judged() {
  shown "$1" >"shown$1.pem"
  openssl verify -x509_strict -purpose sslserver -CAfile root.crt -untrusted "shown$1.pem" "shown$1.pem" 2>&1 | tail -1
}
# meshd wants a client certificate too: openssl sees the server's chain before that fails.
verdict openssl-verify "$(judged 2)" "shown2.pem: OK" test "$(judged 2)" = "shown2.pem: OK"
verdict rotate-without-root "$("$MESHD" ca rotate-issuing --state "$(state 1)" 2>&1 | grep -c 'meshd ca request')" 1 \
  test "$("$MESHD" ca rotate-issuing --state "$(state 1)" 2>&1 | grep -c 'meshd ca request')" = 1

before=$("$MESHD" ca status --state "$(state 1)" -o json | json 'd["issuing"]["serial"]')
start load h2load --h1 -D 6 -c 8 http://127.0.1.1:9001/1k
wait_until 5 "load" bash -c "ss -tnH 'dport = :9001' | grep -q ESTAB"
"$MESHD" ca request --state "$(state 1)" >request2.pem 2>/dev/null
"$MESHD" ca sign-intermediate request2.pem --cert root.crt --key root.key 2>/dev/null >chain2.pem
"$MESHD" ca install chain2.pem --state "$(state 1)" >/dev/null
after=$("$MESHD" ca status --state "$(state 1)" -o json | json 'd["issuing"]["serial"]')
verdict issuing-installed "$before to $after" changed test "$before" != "$after"
"$MESHD" token create --node n3 --state "$(state 1)" >token3 2>/dev/null
"$MESHD" join 127.0.1.1:15012 --token-file token3 --state "$(state 3)" --name n3 --address 127.0.1.3 >/dev/null 2>&1
run_node 3
wait_until 20 "n3 to act on the mesh's file" node_ready 3
by=$(openssl x509 -in <(sed -n '/BEGIN/,/END/p;/END/q' chain2.pem) -noout -ext subjectKeyIdentifier | tail -1 | xargs)
of=$(openssl x509 -in "$(state 3)/identities/node.crt" -noout -ext authorityKeyIdentifier | tail -1 | xargs)
verdict new-leaf-issuer "${of:0:12}…" "${by:0:12}…" test "$of" = "$by"
verdict new-leaf-verifies "$(judged 3)" "shown3.pem: OK" test "$(judged 3)" = "shown3.pem: OK"
wait "$PID_load" || :
verdict issuing-failed "$(h2load_bad <"$WORK/load.log") of $(sed -n 's/.* \([0-9]*\) done, .*/\1/p' "$WORK/load.log")" 0 \
  test "$(h2load_bad <"$WORK/load.log")" = 0
exit $SHORT
