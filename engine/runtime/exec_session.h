// ExecSession: an exec that lives, as a file of the runtime directory, exec/<container>/<session>: what it
// runs, for `inspect`; the lock on it says that it lives (ListExecSessions). Gone with this object.
#pragma once

#include <string>

#include "engine/base/lock.h"
#include "engine/runtime/exec_request.h"

namespace wolffia {

class ExecSession {
 public:
  static Result<ExecSession> Create(const ExecOrder& order);
  ExecSession(ExecSession&&) noexcept = default;
  ExecSession& operator=(ExecSession&&) = delete;
  ~ExecSession();
  void WritePid(int pid);

 private:
  ExecSession() = default;
  Fd parent_, directory_;
  FileLock lock_;
  std::string container_, name_, text_;
};

}  // namespace wolffia
