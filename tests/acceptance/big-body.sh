# SPDX-License-Identifier: Apache-2.0
# A 2 GiB body passes in bounded memory.
. "$(dirname "$0")/mesh-web.inc.sh"
one_web
truncate -s 2G "$WORK/nginx-web/html/big"
before1=$(rss_kib "$PID_n1") before2=$(rss_kib "$PID_n2") peak1=0 peak2=0
start curl curl -s -o /dev/null -w '%{size_download} %{http_code}' http://127.0.1.1:9001/big
while alive "$PID"; do
  now1=$(rss_kib "$PID_n1") now2=$(rss_kib "$PID_n2")
  ((now1 > peak1)) && peak1=$now1
  ((now2 > peak2)) && peak2=$now2
  pause 0.05
done
wait "$PID" || :
got=$(cat "$WORK/curl.log")
verdict big-body "$got" "2147483648 200" test "$got" = "2147483648 200"
grow=$(((peak1 - before1) > (peak2 - before2) ? peak1 - before1 : peak2 - before2))
verdict big-body-rss "$grow KiB more on the worse node" "< 8192" test "$grow" -lt 8192
exit $SHORT
