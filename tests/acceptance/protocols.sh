#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# protocols.sh: what HTTP can do and proxies often spoil, through two nodes, by clients of either version: events as they
# happen, early hints, trailers both ways, bodies that end with the connection, compressed bodies, answers without
# content; node's HTTP/2 client; a million HTTP/2 requests.
. "$(dirname "$0")/mesh-web.inc.sh"
HERE=$(cd "$(dirname "$0")" && pwd)

cat >"$WORK/mesh.yaml" <<'YAML'
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  odd: { listen: 9001, instances: [{ node: n2, bind: 127.0.1.2, port: 18001 }] }
  web: { listen: 9002, instances: [{ node: n2, bind: 127.0.1.2, port: 18002 }] }
  two: { listen: 9003, protocol: http2, instances: [{ node: n2, bind: 127.0.1.2, port: 18003 }] }
  shop: { instances: [{ node: n1, any_local: true }] }
policy:
  default: deny
  rules:
    - { name: shop-to-all, allow: { from: [service/shop], to: [odd, web, two] } }
YAML
start backend /usr/bin/python3 "$HERE/protocols_backend.py" 127.0.1.2 18001
nginx_at web 127.0.1.2 18002 'gzip on; gzip_min_length 1; gzip_types *; location = /nothing { return 204; }'
nginx_at two 127.0.1.2 "18003 http2" 'location = /nothing { return 204; }'
for server in web two; do
  echo ok >"$WORK/nginx-$server/html/index.html"
  head -c 1024 /dev/zero | tr '\0' x >"$WORK/nginx-$server/html/1k"
  seq 200000 >"$WORK/nginx-$server/html/long.txt"
done
wait_until 10 "the backend" port_open 127.0.1.2 18001
mesh_up 2
wait_until 10 "the mesh" answers http://127.0.1.1:9002/

# ---- events arrive when they happen
for version in http1.1 http2-prior-knowledge; do
  late=$(curl -sN "--$version" --max-time 20 http://127.0.1.1:9001/events | python3 -c '
import sys, time
worst = count = 0
for line in sys.stdin:
    if line.startswith("data: "):
        worst, count = max(worst, time.monotonic() - float(line[6:])), count + 1
print("%.1f" % (worst * 1000) if count == 20 else "inf")')
  verdict "events-$version" "at most $late ms late" "<= 50" at_most "$late" 50
done

# ---- early hints, trailers, an end by closing
for version in http1.1 http2-prior-knowledge; do
  curl -sv "--$version" --max-time 5 http://127.0.1.1:9001/early >"$WORK/early" 2>&1
  hints=$(grep -ci '^< HTTP/[12.]* 103\|^< link: </style.css>; rel=preload' "$WORK/early")
  verdict "early-hints-$version" "103 and its link: $hints" 2 [ "$hints" = 2 ]
  sum=$(curl -s "--$version" --max-time 5 -o /dev/null -D - http://127.0.1.1:9001/trailers | tr -d '\r' | sed -n 's/^x-sum: //Ip')
  verdict "trailers-$version" "x-sum: $sum" 42 [ "$sum" = 42 ]
  text=$(curl -s "--$version" --max-time 5 http://127.0.1.1:9001/close)
  verdict "close-$version" "$text" "until the end" [ "$text" = "until the end" ]
done

# ---- bodies that are not looked into; answers without content; both servers, both clients
for port in 9002 9003; do
  direct=$((port + 9000))
  for version in http1.1 http2-prior-knowledge; do
    name="$version-to-$([ $port = 9002 ] && echo http || echo http2)"
    own=--http1.1
    [ $port = 9002 ] || own=--http2-prior-knowledge
    want=$(curl -s $own -H 'accept-encoding: gzip' http://127.0.1.2:$direct/long.txt | sha256sum)
    got=$(curl -s "--$version" -H 'accept-encoding: gzip' http://127.0.1.1:$port/long.txt | sha256sum)
    verdict "bytes-$name" "$([ "$want" = "$got" ] && echo the same bytes || echo others)" "the same bytes" [ "$want" = "$got" ]
    code=$(curl -s "--$version" --max-time 5 -o /dev/null -w '%{http_code} %{size_download}' http://127.0.1.1:$port/nothing)
    verdict "no-content-$name" "$code" "204 0" [ "$code" = "204 0" ]
    since=$(curl -sI $own http://127.0.1.2:$direct/1k | tr -d '\r' | sed -n 's/^last-modified: //Ip')
    code=$(curl -s "--$version" --max-time 5 -o /dev/null -H "if-modified-since: $since" -w '%{http_code} %{size_download}' http://127.0.1.1:$port/1k)
    verdict "not-modified-$name" "$code" "304 0" [ "$code" = "304 0" ]
    length=$(curl -sI "--$version" --max-time 5 http://127.0.1.1:$port/1k | tr -d '\r' | sed -n 's/^content-length: //Ip')
    verdict "head-$name" "content-length $length" 1024 [ "$length" = 1024 ]
  done
done

# ---- an upload takes as long as its client: longer than the time for an answer, which is 10 s
slow() { for _ in 1 2 3 4 5 6; do printf '%01000d' 7; sleep 2; done; }
got=$(slow | curl -s --max-time 30 -T - -H 'expect:' http://127.0.1.1:9001/size)
verdict slow-upload "$got bytes arrived in 12 s" 6000 [ "$got" = 6000 ]

# ---- others' HTTP/2 clients
wrong=$(timeout 120 node "$HERE/protocols_client.js" http://127.0.1.1:9001 5000)
verdict node-http2 "$wrong wrong of 5000 uploads with trailers" 0 [ "$wrong" = 0 ]
N=${REQUESTS:-1000000}
for port in 9002 9003; do
  name=$([ $port = 9002 ] && echo http || echo http2)
  count=$N
  [ $port = 9003 ] || count=$((N / 5))
  h2load -n "$count" -c 16 -m 32 http://127.0.1.1:$port/1k >"$WORK/load.txt" 2>&1
  good=$(sed -n 's/^status codes: \([0-9]*\) 2xx.*/\1/p' "$WORK/load.txt")
  bad=$(h2load_bad <"$WORK/load.txt")
  verdict "h2load-to-$name" "$good of $count with status 200, $bad failed" "all, 0" [ "$good" = "$count" -a "$bad" = 0 ]
done
exit $SHORT
