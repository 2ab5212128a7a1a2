// A new container from flags, image and host, complete in its directory: what `run` and `create` share.
#pragma once

#include <string>

#include "cmd/run_root.h"
#include "cmd/session.h"
#include "engine/runtime/run_request.h"
#include "storage/container_store.h"

namespace wolffia {

// What a command line with an image asks for.
struct NewContainerCommand {
  Session session;
  RunRequest request;
  RunRoot root;
  std::optional<IdMaps> joined;  // the maps of the container whose namespaces are shared
};
Result<NewContainerCommand> ReadNewContainer(const Command& command);

// --cidfile: made before the container, so that an existing file stops the command; removed again unless it
// is kept.
class IdFile {
 public:
  static Result<IdFile> Create(const std::string& path);
  IdFile(IdFile&& other) noexcept : path_(std::exchange(other.path_, "")), fd_(std::move(other.fd_)) {}
  ~IdFile();
  Result<> Write(const std::string& id) { return fd_ ? WriteFull(fd_.get(), id) : Result<>(); }
  void Keep() { path_.clear(); }

 private:
  IdFile() = default;
  std::string path_;
  Fd fd_;
};

// Its lock is held by us. `starts_now`: see ContainerStore::Create.
Result<NewContainer> MakeContainer(const Command& command, const NewContainerCommand& wanted,
                                   bool starts_now);

}  // namespace wolffia
