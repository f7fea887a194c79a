# SPDX-License-Identifier: Apache-2.0
# Every HTTP/1 vector through a real mesh, sent whole and byte by byte. tests/acceptance/vectors.sh cuts them everywhere.
. "$(dirname "$0")/lib_edge.sh"
edge_up
edge whole bytes
