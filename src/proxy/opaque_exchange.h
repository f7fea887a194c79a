// SPDX-License-Identifier: Apache-2.0
// opaque_exchange.h: what both nodes share of a connection that carries bytes: its exchange, recorded when it goes.
#pragma once
#include "proxy/exchange.h"
#include "proxy/relay.h"

namespace meshd {

class OpaqueExchange : public OpaqueSide {
 public:
  milliseconds idle() const override { return (*x_->snapshot)->model.defaults.timeout.idle; }
  void ended(const RelayTotals& totals) override {
    x_->bytes_in = totals.from_client;
    x_->bytes_out = totals.to_client;
    x_->error = totals.error;
  }
  void dropped() override {
    if (x_) forget(*x_);
  }

 protected:
  std::unexpected<Error> refused(Error why) {
    x_->error = why;
    return fail(why);
  }
  ExchangePtr x_;  // from open() on
};

}  // namespace meshd
