// RootAccess: a container's root file system, whether it runs or not. Of one that does not run, the monitor
// puts the root up without running anything (StartMode::kRootOnly); it goes again with the last RootAccess.
// While one lives the container's lock is held by its monitor.
//
// The work is done by a copy of this process that has joined the container's user and mount namespace: what
// it opens is what the container's own root could open, and no link, ".." or race of a process inside leads
// out of it (CVE-2018-15664). It loads nothing from there: no NSS, no locale, no dlopen (CVE-2019-14271).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/base/context.h"
#include "engine/base/process.h"
#include "storage/container_store.h"

namespace wolffia {

// Work inside that goes on while this process does something else.
class RootJob {
 public:
  RootJob(Child child, Fd socket, int init)
      : child_(std::move(child)), socket_(std::move(socket)), init_(init) {}
  // Waits for the end: what the work answered, or its error; kBusy if that is because the container has
  // ended.
  Result<std::string> Await();

 private:
  Child child_;  // killed if the job is dropped
  Fd socket_;
  int init_;  // of the RootAccess
};

class RootAccess {
 public:
  // kBusy if the container is between two states for more than ten seconds.
  static Result<RootAccess> Open(const Context& context, const Store& store, const ContainerStatus& status);
  RootAccess(RootAccess&&) noexcept;
  RootAccess& operator=(RootAccess&&) noexcept;
  ~RootAccess();

  // `root` is the container's "/", with its mounts. The answer has at most 48 KiB: what is larger goes
  // through a pipe of the caller's. Descriptors of this process are open in the work, too: it closes what it
  // must not hold. One thread only. The job ends before this object.
  using Work = std::function<Result<std::string>(int root)>;
  Result<RootJob> Begin(const Work& work) const;
  Result<> Inside(const std::function<Result<>(int root)>& work) const;

  // In the work: the root file system alone, without what is mounted on it.
  static Result<Fd> WithoutMounts(int root);

 private:
  class Impl;
  explicit RootAccess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wolffia
