// SPDX-License-Identifier: Apache-2.0
// route_action_mirror.cc: a copy of a request goes elsewhere too. It never makes the request wait: content is shared as
// it passes, and the copy is sent when all of it has; what cannot be copied is counted and let go.
#include "base/limits.h"
#include "proxy/data_plane.h"
#include "proxy/route_action.h"
#include "proxy/tries.h"

namespace meshd {
namespace {

// Everything one copy needs; outlives the request.
struct Copy : LocalCounted {
  Copy(DataPlane& p, SnapshotRef s, const Peer& f) : plane(p), snapshot(std::move(s)), from(f) {}
  ~Copy() {
    if (!sent) plane.count_mirror("dropped");
  }
  DataPlane& plane;
  SnapshotRef snapshot;
  const Peer& from;
  const Destination* to = nullptr;
  PrincipalId caller = kNobody;
  milliseconds limit{0};
  RequestHead head;
  ChunkQueue content;
  bool has_content = false, sent = false;
};
using CopyPtr = LocalPtr<Copy>;

bool allowed_outside(const Copy& copy, const Endpoint& e) {
  if (!e.outside()) return true;
  RequestFacts facts;
  facts.from = copy.caller;
  facts.method = copy.head.method();
  facts.path = copy.head.path_only();
  return authorize(**copy.snapshot, *e.service, facts).allowed();
}

// The content that was kept.
class KeptBody final : public Body {
 public:
  explicit KeptBody(ChunkQueue kept) : kept_(std::move(kept)), length_(kept_.size()) {}
  Await<Result<Chunk>> pull() override { return kept_.pop(); }
  void close(Error) override { kept_.clear(); }
  std::optional<uint64_t> length() const override { return length_; }

 private:
  ChunkQueue kept_;
  uint64_t length_;
};

void copy_head(const RequestHead& from, RequestHead& to) {
  to.set_method(from.method());
  to.set_path(from.path());
  to.set_authority(from.authority());
  to.set_scheme(from.scheme());
  to.version = from.version;
  for (size_t i = 0; i < from.size(); ++i) to.add(from[i].name, from[i].value);
}

// A copy on its way ends with its time, and when the node goes away.
class CopyInFlight final : ServerConnection {
 public:
  CopyInFlight(ServerGroup& group, milliseconds limit) : ServerConnection(group) { timer_.start(limit); }
  ~CopyInFlight() = default;
  Cancellation cancellation;

 private:
  void begin_drain() override { close({Errc::draining, Side::self, "shutting down"}); }
  void close(Error why) override { cancellation.fire(why); }
  bool idle() const override { return false; }
  static void late(void* self) {
    static_cast<CopyInFlight*>(self)->close({Errc::timeout, Side::upstream, "the copy took too long"});
  }
  Timer timer_{&CopyInFlight::late, this};
};

Task<void> send_copy(CopyPtr copy) {
  DataPlane& plane = copy->plane;
  Pick picked =
      pick(plane.endpoints(copy->snapshot, *copy->to), {Tried(), {}}, plane.random(), plane.loop().now());
  const Endpoint* e = picked.member != nullptr ? picked.member->endpoint : nullptr;
  if (e == nullptr || !allowed_outside(*copy, *e) || plane.outbound_group().draining()) co_return;
  copy->sent = true;
  CopyInFlight in_flight(plane.outbound_group(), copy->limit);
  Request request;
  request.head = std::move(copy->head);
  if (copy->has_content) request.body = std::make_unique<KeptBody>(std::move(copy->content));
  request.cancellation = &in_flight.cancellation;
  Service& pool = plane.upstreams().pool(*e, copy->from, upstream_version(*e->service, request.head),
                                         (*copy->snapshot)->model.defaults.timeout.connect);
  plane.mirror_began();
  {
    Result<Response> response = co_await pool.call(request);
    if (response && response->body) {
      for (;;) {
        Result<Chunk> chunk = co_await response->body->pull();
        if (!chunk || chunk->empty()) break;
      }
    }
    plane.count_mirror(response ? "answered" : "failed");
  }
  plane.mirror_ended();
}

// The content on its way, shared with the copy.
class MirroredBody final : public Body {
 public:
  MirroredBody(std::unique_ptr<Body> inner, CopyPtr copy)
      : inner_(std::move(inner)), copy_(std::move(copy)) {}
  Await<Result<Chunk>> pull() override {
    Await<Result<Chunk>> next = inner_->pull();
    if (!next.await_ready()) return pull_slowly(std::move(next));
    return seen(next.await_resume());
  }
  void close(Error why) override { inner_->close(why); }
  std::optional<uint64_t> length() const override { return inner_->length(); }
  const Fields* trailers() const override { return inner_->trailers(); }

 private:
  Task<Result<Chunk>> pull_slowly(Await<Result<Chunk>> next) {
    Result<Chunk> chunk = co_await next;
    co_return seen(std::move(chunk));
  }
  Result<Chunk> seen(Result<Chunk> chunk) {
    if (!copy_) return chunk;
    if (!chunk || copy_->content.size() + chunk->size() > kMirrorBodyMax) {
      copy_ = {};
      return chunk;
    }
    copy_->content.push_copy(chunk->view());
    // Who knows the length does not ask for the end.
    if (chunk->empty() || inner_->length() == copy_->content.size()) spawn(send_copy(std::move(copy_)));
    return chunk;
  }

  std::unique_ptr<Body> inner_;
  CopyPtr copy_;
};

}  // namespace

void begin_mirror(Exchange& x) {
  const Route& route = *x.routing.route;
  if (route.actions == nullptr || !route.actions->mirror ||
      !is_of_share(route.actions->mirror->share, x.plane.random()))
    return;
  CopyPtr copy(new Copy(x.plane, x.snapshot, *x.from));
  // An upgrade or a stream that only ends with its answer has no copy.
  if (!x.request->head.protocol().empty() || x.plane.mirrors() >= kMirrorsMax || !route.mirror.service)
    return;
  copy->to = &route.mirror;
  copy->caller = x.snapshot->principal(*x.from);
  copy->limit = route.timeout.count() > 0 ? route.timeout : kRequestTimeout;
  copy_head(x.request->head, copy->head);
  copy->has_content = x.request->body != nullptr;
  if (!copy->has_content)
    spawn(send_copy(std::move(copy)));
  else
    x.request->body = std::make_unique<MirroredBody>(std::move(x.request->body), std::move(copy));
}

}  // namespace meshd
