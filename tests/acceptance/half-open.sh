#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# half-open.sh: a node whose packets vanish, with no word to anybody: the calling node notices, goes on with the others,
# spends nothing on it, and uses it again when it is back.
. "$(dirname "$0")/mesh-web.inc.sh"
[ "${MESHD_NETWORK-}" = own ] || { echo "half-open: needs a network of its own to drop packets in" >&2; exit 1; }

cat >"$WORK/mesh.yaml" <<'YAML'
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web:
    listen: 9001
    breaker: { consecutive_errors: 5, eject: 2s }
    instances:
      - { node: n2, bind: 127.0.1.2, port: 18080 }
      - { node: n3, bind: 127.0.1.3, port: 18080 }
  shop: { instances: [{ node: n1, any_local: true }] }
routes:
  - { name: web, service: web, timeout: { request: 3s } }
policy:
  default: deny
  rules:
    - { name: shop-to-web, allow: { from: [service/shop], to: web } }
YAML
for n in 2 3; do
  nginx_at "web$n" "127.0.1.$n" 18080
  echo "n$n" >"$WORK/nginx-web$n/html/index.html"
done
mesh_up 3
wait_until 10 "an answer" answers http://127.0.1.1:9001/

# asks SECONDS: ten requests a second; prints: answered by n2, by n3, failed
asks() {
  python3 - "$1" <<'PY'
import concurrent.futures, sys, time, urllib.request

def ask(_):
    try:
        return urllib.request.urlopen("http://127.0.1.1:9001/", timeout=8).read().decode().strip()
    except OSError:
        return "failed"

with concurrent.futures.ThreadPoolExecutor(64) as pool:
    begin, asked = time.monotonic(), []
    for n in range(int(float(sys.argv[1]) * 10)):
        time.sleep(max(0, begin + n / 10 - time.monotonic()))
        asked.append(pool.submit(ask, n))
    got = [a.result() for a in asked]
print(got.count("n2"), got.count("n3"), got.count("failed"))
PY
}
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{print int(($14 + $15) * 1000 / hz)}' "/proc/$1/stat"; }

read -r two three failed < <(asks 2)
verdict half-open-before "n2 $two, n3 $three, failed $failed" "both, none failed" [ "$failed" = 0 -a "$two" -gt 0 -a "$three" -gt 0 ]

nft -f - <<'NFT'
table inet vanish {
  chain in {
    type filter hook input priority 0;
    ip daddr 127.0.1.3 tcp dport 15008 drop
    ip saddr 127.0.1.3 tcp sport 15008 drop
  }
}
NFT
before=$(cpu_ms "$PID_n1")
read -r two three failed < <(asks 20)
spent=$(($(cpu_ms "$PID_n1") - before))
verdict half-open-noticed "$failed of 200 failed in the 20 s after n3 went silent" "<= 20: what was sent to it before it was found out" [ "$failed" -le 20 ]
verdict half-open-cpu "$spent ms of CPU in 20 s" "<= 1000" [ "$spent" -le 1000 ]
read -r two three failed < <(asks 3)
verdict half-open-during "n2 $two, n3 $three, failed $failed" "n2 alone, none failed" [ "$failed" = 0 -a "$three" = 0 ]

nft delete table inet vanish
back() {
  read -r two three failed < <(asks 1)
  [ "$three" -gt 0 ]
}
since=$(date +%s%3N)
wait_until 30 "n3 to be used again" back
verdict half-open-after "n3 is used again after $(($(date +%s%3N) - since)) ms" "<= 25000: the breaker's times and a probe" [ "$(($(date +%s%3N) - since))" -le 25000 ]
exit $SHORT
