#include "engine/runtime/exec_session.h"

#include <unistd.h>

#include "engine/base/file.h"
#include "engine/oci/json.h"

namespace wolffia {
namespace {

Json Describe(const ExecRequest& request, int pid) {
  Json json;
  json["pid"] = pid;
  json["argv"] = request.command;
  json["tty"] = request.tty;
  json["user"] = request.user;
  return json;
}

}  // namespace

Result<ExecSession> ExecSession::Create(const ExecOrder& order) {
  ExecSession session;
  session.container_ = order.container_id;
  const std::string name = order.request.id;
  const std::string parent = order.store_runroot + "/exec";
  // A session that ends at this moment may remove the directory between the two steps.
  for (int tries = 0; tries < 64; tries++) {
    TRY(MakeDirectories(parent + "/" + order.container_id));
    auto directory = OpenDirectory(AT_FDCWD, parent + "/" + order.container_id);
    if (!directory) continue;
    auto lock = FileLock::TryAcquire(directory->get(), name);
    if (!lock && lock.error().os_errno == ENOENT) continue;
    if (!lock) return std::unexpected(std::move(lock).error());
    if (!*lock) return Fail(Code::kExists, "exec session " + name + " exists");
    session.parent_ = TRY(OpenDirectory(AT_FDCWD, parent));
    session.directory_ = std::move(*directory);
    session.lock_ = std::move(**lock);
    session.name_ = name;
    session.text_ = Describe(order.request, 0).dump(-1, ' ', false, Json::error_handler_t::replace);
    return session;
  }
  return Fail(Code::kIo, "make " + parent + "/" + order.container_id + ": it is removed again and again");
}

void ExecSession::WritePid(int pid) {
  // Losing it is no reason to fail: the lock is what counts.
  text_.replace(text_.find("\"pid\":0"), 7, "\"pid\":" + std::to_string(pid));
  (void)!pwrite(lock_.fd(), text_.data(), text_.size(), 0);
}

ExecSession::~ExecSession() {
  if (!directory_) return;
  unlinkat(directory_.get(), name_.c_str(), 0);
  unlinkat(parent_.get(), container_.c_str(), AT_REMOVEDIR);  // the last one's
}

}  // namespace wolffia
