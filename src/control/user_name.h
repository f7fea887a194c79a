// SPDX-License-Identifier: Apache-2.0
// user_name.h: who a user is, for the history and the audit log.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>

namespace meshd {

// The name of `uid` in the text of a passwd file (passwd(5)); "uid:N" where it names none.
std::string user_name(std::string_view passwd, uid_t uid);
// In /etc/passwd; read anew each time, users come and go.
std::string user_name(uid_t uid);

}  // namespace meshd
