// SPDX-License-Identifier: Apache-2.0
// service_manager.h: what systemd is told, over the socket that NOTIFY_SOCKET names (sd_notify(3)). Without one: nothing.
#pragma once
#include <string_view>

namespace meshd {

// Such as "READY=1\nSTATUS=…" or "STOPPING=1". Never waits; a lost message is not an error.
void notify_service_manager(std::string_view message);

}  // namespace meshd
