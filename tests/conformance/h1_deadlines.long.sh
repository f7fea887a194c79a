# SPDX-License-Identifier: Apache-2.0
# The deadlines of HTTP/1 heads, idle connections and stalled content, from outside; a minute.
# Requests have no timeout of their own here: it would end a stalled one first.
MORE='defaults: { timeout: { request: 0s } }' bash "$(dirname "$0")/h1_limits.sh" times
