# SPDX-License-Identifier: Apache-2.0
# A denied caller gets 403 naming the place in the file, and no connection reaches the application.
. "$(dirname "$0")/mesh-web.inc.sh"
one_web_file
nginx_at web 127.0.1.2 18080 'location = /count { stub_status; }'
echo hello >"$WORK/nginx-web/html/index.html"
mesh_up 3
accepted() { curl -s http://127.0.1.2:18080/count | awk 'NR == 3 {print $1}'; }
before=$(accepted)
answer=$(curl -s -i --max-time 5 http://127.0.1.3:9001/)
after=$(accepted)
line=$(grep -n 'default: deny' "$WORK/mesh.yaml" | cut -d: -f1)
field=$(tr -d '\r' <<<"$answer" | sed -n 's/^[Xx]-[Mm]eshd-[Ee]rror: //p')
verdict denied "$(head -1 <<<"$answer" | tr -d '\r'), x-meshd-error: $field" "403, mesh.yaml:$line" \
  grep -q "mesh.yaml:$line:" <<<"$field"
verdict denied-status "$(head -1 <<<"$answer" | cut -d' ' -f2)" 403 grep -q '^HTTP/1.1 403' <<<"$answer"
# The second count is a connection of its own.
verdict denied-connections "$((after - before - 1)) connections reached the application" 0 test $((after - before)) = 1
wait_until 5 "an allowed call" answers http://127.0.1.1:9001/
verdict denied-control "an allowed caller gets 200" 200 answers http://127.0.1.1:9001/
exit $SHORT
