// OutsideThread: a thread that stays in the network namespace in which it was made, while the one that makes
// it moves to another (network namespaces are a thread's, setns(2)). What it starts speaks to the network
// outside: from inside there is no way back without power over the host's namespace.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace wolffia {

class OutsideThread {
 public:
  OutsideThread() : thread_([this] { Serve(); }) {}
  OutsideThread(const OutsideThread&) = delete;
  ~OutsideThread();

  // Done on that thread; returns when it is.
  void Run(const std::function<void()>& work);

 private:
  void Serve();

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* work_ = nullptr;
  bool stop_ = false;
  std::thread thread_;  // uses the others
};

}  // namespace wolffia
