# SPDX-License-Identifier: Apache-2.0
# Keys at rest: with a host key every private key of server and node is sealed; the directory alone starts nothing, a
# changed byte starts nothing, and keys that lay open are sealed when a host key comes.
. "$(dirname "$0")/mesh-web.inc.sh"
cd "$WORK"
head -c 32 /dev/urandom >host.key
chmod 600 host.key
export MESHD_HOST_KEY=$WORK/host.key
one_web
unset MESHD_HOST_KEY
open_keys() { { grep -rlE -e '-----BEGIN (EC )?PRIVATE KEY' "$(state 1)" "$(state 2)" || :; } | wc -l; }
sealed_keys() { { grep -rl 'BEGIN MESHD SEALED KEY' "$(state 1)" "$(state 2)" || :; } | wc -l; }
verdict sealed-keys "$(open_keys) open, $(sealed_keys) sealed" "0 open, 6 sealed at least" \
  test "$(open_keys)" = 0 -a "$(sealed_keys)" -ge 6
modes=$(find "$(state 1)" "$(state 2)" -name '*.key' ! -perm 600 | wc -l)
verdict sealed-modes "$modes not 0600" 0 test "$modes" = 0
said=$("$MESHD" check --state "$(state 2)" -o json | json '[c["state"] for c in d["items"] if c["id"]=="keys.sealed"][0]')
verdict sealed-check "$said" ok test "$said" = ok

stop "$PID_n2"
refused() {  # refused WHAT COMMAND…: it ends with an error that says WHAT
  local what=$1 code=0
  shift
  timeout 10 "$@" >refused.log 2>&1 || code=$?
  [ "$code" != 0 ] && [ "$code" != 124 ] && grep -q -- "$what" refused.log
}
verdict sealed-without "refused, naming --host-key" "refused" refused "--host-key FILE" "$MESHD" run --state "$(state 2)"
head -c 32 /dev/urandom >other.key
chmod 600 other.key
verdict sealed-other "refused" "refused" refused "node.key" "$MESHD" run --state "$(state 2)" --host-key other.key
chmod 644 other.key
verdict host-key-mode "refused, chmod is named" "refused" refused "chmod 0600" "$MESHD" run --state "$(state 2)" --host-key other.key
head -c 8 /dev/urandom >short.key
chmod 600 short.key
verdict host-key-short "refused" "refused" refused "at least 32 bytes" "$MESHD" run --state "$(state 2)" --host-key short.key

# Every byte of the sealed text counts.
key=$(state 2)/identities/node.key
cp "$key" "$key.whole"
python3 - "$key.whole" "$WORK/spoilt" <<'PY'
import base64, sys
lines = open(sys.argv[1]).read().splitlines()
body = base64.b64decode("".join(lines[1:-1]))
for i, at in enumerate([0, 1, 5, 13, 14, len(body) // 2, len(body) - 17, len(body) - 16, len(body) - 1]):
    b = bytearray(body)
    b[at] ^= 1
    text = base64.encodebytes(bytes(b)).decode()
    open(f"{sys.argv[2]}{i}", "w").write(lines[0] + "\n" + text + lines[-1] + "\n")
PY
taken=0
rm -f "$key.prev"
for i in 0 1 2 3 4 5 6 7 8; do
  cat "spoilt$i" >"$key"
  refused "node.key" "$MESHD" run --state "$(state 2)" --host-key host.key || taken=$((taken + 1))
done
verdict sealed-spoilt "$taken of 9 taken" 0 test "$taken" = 0
cat "$key.whole" >"$key"

# As systemd hands a credential over.
mkdir -m 700 credentials
cp host.key credentials/meshd.host-key
start credential env CREDENTIALS_DIRECTORY="$WORK/credentials" "$MESHD" run --state "$(state 2)"
wait_until 10 "the node with its credential" node_ready 2
stop "$PID_credential"
# Keys from before there was a host key.
"$MESHD" token create --node n3 --state "$(state 1)" >token3 2>/dev/null
"$MESHD" join 127.0.1.1:15012 --token-file token3 --state "$(state 3)" --name n3 --address 127.0.1.3 >/dev/null 2>&1
before=$({ grep -rlE -e '-----BEGIN (EC )?PRIVATE KEY' "$(state 3)" || :; } | wc -l)
run_node 3 --host-key "$WORK/host.key"
wait_until 10 "n3 with a host key" node_ready 3
after=$({ grep -rlE -e '-----BEGIN (EC )?PRIVATE KEY' "$(state 3)" || :; } | wc -l)
verdict sealed-later "$before open before, $after after" "1 and 0" test "$before" = 1 -a "$after" = 0
exit $SHORT
