// Ids: whether several can be told apart inside, and what an execve gives.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <cstring>
#include <vector>

#include "engine/base/fd.h"
#include "engine/guarantees/inside_trial.h"

namespace wolffia {
namespace {

constexpr uid_t kOwner = 1, kOther = 2;
constexpr uid_t kHighId = 65'600;
constexpr const char* kSecret = "/tmp/secret";
constexpr const char* kProgram = "/tmp/program";
constexpr const char* kTrialWord = "internal-trial";
// What the executed program says of itself, as bits of its exit code.
constexpr int kRan = 1, kHasOwner = 2, kHasCapability = 4;

int Become(uid_t id) {
  if (syscall(SYS_setresgid, id, id, id) < 0) return errno;
  return ErrorOf(syscall(SYS_setresuid, id, id, id));
}

// One user's private file, and another who wants to read it.
int SeparateUsers() {
  Fd file(open(kSecret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file || fchown(file.get(), kOwner, kOwner) < 0) return errno;
  return InCopy([] {
    if (int error = Become(kOther)) return error;
    Fd opened(open(kSecret, O_RDONLY | O_CLOEXEC));
    return opened ? EEXIST : errno == EACCES ? 0 : errno;
  });
}

int ChangeGroups() {
  return InCopy([] {
    const gid_t groups[] = {kOwner, kOther};
    return ErrorOf(setgroups(2, groups));
  });
}

// A copy of our program in the World's tmpfs, setuid and with a file capability.
int MakeProgram(int source) {
  Fd copy(open(kProgram, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755));
  struct stat st;
  if (!copy || fstat(source, &st) < 0) return errno;
  for (off_t done = 0; done < st.st_size;)
    if (sendfile(copy.get(), source, &done, static_cast<size_t>(st.st_size - done)) <= 0) return errno;
  return 0;
}

int SetCapability() {
  vfs_cap_data data{};
  data.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  data.data[0].permitted = 1U << CAP_NET_RAW;
  return ErrorOf(setxattr(kProgram, "security.capability", &data, sizeof data, 0));
}

// The bits that the program says when an ordinary user inside executes it; negative: an errno.
int Execute(bool as_other, bool no_new_privileges) {
  const int code = InCopy([&] {
    if (as_other && Become(kOther) != 0) return 0;
    if (no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return 0;
    const char* const argv[] = {"wolffia-doctor", kTrialWord, nullptr};
    const char* const env[] = {nullptr};
    execve(kProgram, const_cast<char* const*>(argv), const_cast<char* const*>(env));
    return 0;
  });
  return (code & kRan) != 0 ? code : -1;
}

int Need(int bits, int wanted) {
  return bits < 0 ? ENOEXEC : (bits & wanted) == wanted ? 0 : EPERM;
}

void TryExecution(const InsideRequest& request) {
  TrialResults& results = *request.results;
  if (int error = MakeProgram(request.program)) {
    results[Trial::kSetuid] = results[Trial::kFileCapabilities] = results[Trial::kNoNewPrivileges] = error;
    return;
  }
  int error = ErrorOf(chown(kProgram, kOwner, kOwner));
  if (error == 0) error = ErrorOf(chmod(kProgram, 04755));
  const int bits = error == 0 ? Execute(true, false) : 0;
  results[Trial::kSetuid] = error != 0 ? error : Need(bits, kHasOwner);
  const int kept = error == 0 ? Execute(true, true) : -1;
  results[Trial::kNoNewPrivileges] = kept < 0 ? ENOEXEC : (kept & kHasOwner) != 0 ? EPERM : 0;
  // After chown and chmod, which take capabilities away.
  results[Trial::kFileCapabilities] = SetCapability();
  if (results[Trial::kFileCapabilities] == 0)
    results[Trial::kFileCapabilities] = Need(Execute(true, false), kHasCapability);
}

}  // namespace

void TryIdentity(const InsideRequest& request) {
  TrialResults& results = *request.results;
  // The kernel shows groups that the namespace does not map, but it keeps them.
  results[Trial::kOwnGroups] = getgroups(0, nullptr) == request.groups ? 0 : EPERM;
  results[Trial::kSetGroups] = ChangeGroups();
  results[Trial::kHighIds] = InCopy([] { return Become(kHighId); });
  if (results[Trial::kTmpfs] != 0) return;
  results[Trial::kUsersSeparated] = SeparateUsers();
  if (request.full_ids) TryExecution(request);
}

std::optional<int> TrialProgram(int argc, char** argv) {
  if (argc != 2 || std::strcmp(argv[1], kTrialWord) != 0) return std::nullopt;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  (void)!syscall(SYS_capget, &header, data);
  int said = kRan;
  if (geteuid() == kOwner) said |= kHasOwner;
  if ((data[0].effective >> CAP_NET_RAW & 1) != 0) said |= kHasCapability;
  return said;
}

}  // namespace wolffia
