#include "engine/runtime/root_server.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>

#include "engine/landlock/policy.h"
#include "engine/runtime/counters_file.h"

namespace wolffia {
namespace {

// A share of what this process may open; the rest is for layers, sockets and whatever is open for a moment.
size_t Descriptors() {
  rlimit limit{};
  rlim_t soft = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 256;
  return static_cast<size_t>(std::clamp<rlim_t>(soft / 4, 8, 1024));
}

}  // namespace

Result<> RootServer::Prepare(const Context& context, const Store& store, const ContainerRecord& record) {
  if (lower_ == nullptr) return {};
  ContainerStore containers(store);
  auto counts = MapCounters(containers.CountersPath(record.id));
  if (counts)
    counts_ = *counts;
  else  // no reason not to run
    context.Debug("FUSE requests are not counted: " + counts.error().what);
  fuse_upper_ = record.upper == "fuse";
  if (!fuse_upper_) return {};
  durable_ = !record.auto_remove && !record.memory;
  if (record.memory) return {};  // the tmpfs has the limits
  limits_ = {record.size, record.inodes};
  Fd directory = TRY(OpenDirectory(AT_FDCWD, containers.DirectoryOf(record.id)));
  Fd upper = TRY(OpenDirectory(directory.get(), "upper"));
  Fd work = TRY(OpenDirectory(directory.get(), "work"));
  return OpenUpper(std::move(upper), std::move(work));
}

Result<> RootServer::OpenUpper(Fd upper, Fd work) {
  UpperOptions options;
  options.durable = durable_;
  for (const Fd* fd : {&upper, &work}) writable_.push_back("/proc/self/fd/" + std::to_string(fd->get()));
  upper_ = TRY_WITH(UpperStore::Open(std::move(upper), std::move(work), std::move(options)),
                    "open the container's upper");
  return {};
}

// One wall of several: where the kernel cannot hold a part of it, or there are too many rulesets inside one
// another, the threads serve without.
std::function<void()> RootServer::Confinement() const {
  const int version = LandlockVersion();
  LandlockPolicy policy;
  policy.best_effort = true;
  // Before its second version Landlock denied every rename across directories.
  if (version >= 2) {
    policy.write = writable_;
    policy.exec.emplace();
  }
  policy.bind_tcp.emplace();
  policy.connect_tcp.emplace();
  policy.scope_abstract_sockets = policy.scope_signals = true;
  auto compiled = CompileLandlock(policy, version);
  if (!compiled) return {};
  return [ruleset = std::move(compiled->ruleset)] { (void)RestrictSelf(ruleset); };
}

Result<> RootServer::Serve(Launcher::Served descriptors) {
  if (!fuse_upper_) {
    lower_server_ =
        TRY(LowerServer::Start(lower_, ids_, std::move(descriptors.fuse), counts_, Confinement()));
    return {};
  }
  if (upper_ == nullptr) {
    Fd upper = TRY(OpenDirectory(descriptors.memory.get(), "upper"));
    Fd work = TRY(OpenDirectory(descriptors.memory.get(), "work"));
    TRY(OpenUpper(std::move(upper), std::move(work)));
  }
  OverlayOptions options;
  options.limits = limits_;
  options.descriptors = Descriptors();
  auto tree = OverlayTree::Make(MakeIndexLower(lower_, ids_), std::move(upper_), options);
  if (!tree) return FailErrno("serve the container's root file system", tree.error());
  OverlayServerOptions server;
  server.counts = counts_;
  server.confine = Confinement();
  overlay_server_ = TRY(OverlayServer::Start(std::move(*tree), server, std::move(descriptors.fuse)));
  return {};
}

Result<> RootServer::ServeImage(std::shared_ptr<const Lower> lower, Fd fuse) {
  image_servers_.push_back(
      TRY(LowerServer::Start(std::move(lower), ids_, std::move(fuse), nullptr, Confinement())));
  return {};
}

void RootServer::FollowClients(Fd proc) {
  for (auto& server : image_servers_)
    if (auto copy = proc.Duplicate()) server->FollowClients(std::move(*copy));
  if (lower_server_ != nullptr) lower_server_->FollowClients(std::move(proc));
  if (overlay_server_ != nullptr) overlay_server_->FollowClients(std::move(proc));
}

void RootServer::Stop() {
  overlay_server_.reset();
}

}  // namespace wolffia
