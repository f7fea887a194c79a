// SPDX-License-Identifier: Apache-2.0
// identify.h: which workload a local connection comes from.
#pragma once
#include "net/tcp_stream.h"
#include "proxy/loop_snapshot.h"

namespace meshd {

// One kernel query per connection, none where no selector needs it. The answer holds for the connection's life.
const Peer& identify(const TcpStream& connection, const OwnerTable& owners, PeerTable& peers);

}  // namespace meshd
