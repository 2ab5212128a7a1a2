#include "engine/guarantees/inside_trial.h"

#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>

#include "engine/base/file.h"

namespace wolffia {
namespace {

// Whether a namespace is a new one, by its number; `use` tries what it is for.
int NewNamespace(const InsideRequest& request, const char* name, int use) {
  struct stat st;
  if (stat((std::string("/proc/self/ns/") + name).c_str(), &st) < 0) return errno;
  auto host = request.host_namespaces.find(name);
  if (host != request.host_namespaces.end() && host->second == st.st_ino) return EPERM;
  return use;
}

int UseMessages() {
  const int queue = msgget(IPC_PRIVATE, 0600);
  return queue < 0 ? errno : ErrorOf(msgctl(queue, IPC_RMID, nullptr));
}

// The own place is the root of the tree there.
int CgroupIsRoot() {
  const std::string text = "\n" + ReadFile("/proc/self/cgroup", 1 << 16).value_or("");
  const size_t line = text.find("\n0::");
  if (line == std::string::npos) return 0;  // no v2 tree on this host: nothing to see
  return text.substr(line + 4, 2) == "/\n" ? 0 : EPERM;
}

void TryNamespaces(const InsideRequest& request) {
  TrialResults& results = *request.results;
  results[Trial::kPidNamespace] = NewNamespace(request, "pid", getpid() == 1 ? 0 : EPERM);
  results[Trial::kUtsNamespace] = NewNamespace(request, "uts", 0);
  if (results[Trial::kUtsNamespace] == 0)  // never the host's
    results[Trial::kUtsNamespace] = ErrorOf(sethostname("doctor", 6));
  results[Trial::kIpcNamespace] = NewNamespace(request, "ipc", UseMessages());
  results[Trial::kMountNamespace] = NewNamespace(request, "mnt", 0);
  results[Trial::kNetNamespace] = NewNamespace(request, "net", 0);
  results[Trial::kCgroupNamespace] = NewNamespace(request, "cgroup", CgroupIsRoot());
}

// A call that asks for a privilege first and then finds nothing to do.
int TryHostPrivilege() {
  if (swapoff("") == 0 || errno != EPERM) return EEXIST;
  return 0;
}

}  // namespace

int ErrorOf(long result) {
  return result < 0 ? errno : 0;
}

void TryInside(const InsideRequest& request) {
  (void)!syscall(SYS_setresgid, 0, 0, 0);
  (void)!syscall(SYS_setresuid, 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // as before: for those who look at it from outside
  TryNamespaces(request);
  (*request.results)[Trial::kHostPrivilege] = TryHostPrivilege();
  if ((*request.results)[Trial::kMountNamespace] == 0) TryMounts(request);
  TryNetwork(request);
  TryIdentity(request);
  TryPrivileges(request);
}

}  // namespace wolffia
