// RootAccess: a container's root file system, whether it runs or not. While it lives the root stays; the
// container's lock is held by its monitor.
#pragma once

#include <functional>
#include <memory>

#include "engine/base/context.h"
#include "storage/container_store.h"

namespace wolffia {

class RootAccess {
 public:
  static Result<RootAccess> Open(const Context& context, const Store& store, const ContainerStatus& status);
  RootAccess(RootAccess&&) noexcept;
  RootAccess& operator=(RootAccess&&) noexcept;
  ~RootAccess();

  // Forks; in the child: joined user and mount namespace, root of that user namespace, working directory "/".
  // `work` may open and read and write; its error comes back. One thread only.
  Result<> Inside(const std::function<Result<>(int root)>& work);

 private:
  class Impl;
  explicit RootAccess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wolffia
