// SPDX-License-Identifier: Apache-2.0
// control_port.h: the calls of protocol.h on one connection to the control port, and who may make them.
#pragma once
#include <optional>
#include <string>

#include "control/certificates.h"
#include "control/distribute.h"
#include "control/join.h"
#include "control/recover.h"
#include "http/message.h"
#include "tls/spiffe_id.h"

namespace meshd {

inline constexpr size_t kJoinBodyMax = 64 * 1024;            // a token, a CSR (kCsrBytesMax) and a few names
inline constexpr size_t kCertificatesBodyMax = 1024 * 1024;  // kCertificatesPerCall requests of ours

struct ControlDesks {
  JoinDesk& join;
  CertificateDesk& certificates;
  RecoverDesk& recover;
  Distributor& distributor;
  const Registry& registry;
  std::string trust_domain;
};

// One connection. The desks outlive it.
class ControlPort final : public Service {
 public:
  // `peer`: the id that the certificate proved, if there was one. `from`: the caller's IP.
  ControlPort(ControlDesks& desks, std::optional<SpiffeId> peer, std::string from)
      : desks_(desks), peer_(std::move(peer)), from_(std::move(from)) {}

  Task<Result<Response>> call(Request& request) override;

 private:
  Outcome<std::string> node() const;
  Task<Result<Response>> join(Request& request);
  Task<Result<Response>> certificates(Request& request);
  Task<Result<Response>> recover(Request& request);

  ControlDesks& desks_;
  std::optional<SpiffeId> peer_;
  std::string from_;
};

}  // namespace meshd
