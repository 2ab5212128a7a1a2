// Profile -> BPF, by libseccomp, with a cache: compiling costs milliseconds, reading the result microseconds.
//
// libseccomp drops a rule with arguments when the same call has a rule without ("allow socket, but not
// AF_VSOCK" would lose its second half). Such exceptions are compiled as a program of their own that stands
// before the other: where it has nothing to say it goes on into the second one.
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "engine/base/file.h"
#include "engine/runtime/seccomp.h"

namespace wolffia {
namespace {

// --- Names of the OCI runtime spec (config-linux.md, "Seccomp") ---

// The exceptions' answer for "nothing to say": no profile can ask for it, as an error number ends at 4095.
constexpr uint32_t kGoOn = SCMP_ACT_TRACE(0xffff);

Result<uint32_t> ActionOf(const std::string& name, std::optional<uint32_t> errno_ret) {
  uint32_t value = errno_ret.value_or(EPERM);
  if (value > 4095)
    return Fail(Code::kInvalid, "seccomp: errnoRet " + std::to_string(value) + " is no error number");
  if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(value);
  if (name == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
  if (name == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
  if (name == "SCMP_ACT_TRACE") return SCMP_ACT_TRACE(value);
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
  if (name == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
  if (name == "SCMP_ACT_NOTIFY")
    return Fail(Code::kUnsupported, "seccomp: SCMP_ACT_NOTIFY needs an agent, which is not supported");
  return Fail(Code::kInvalid, "seccomp: unknown action \"" + name + "\"");
}

Result<scmp_compare> OperatorOf(const std::string& name) {
  constexpr std::pair<std::string_view, scmp_compare> kOperators[] = {
      {"SCMP_CMP_NE", SCMP_CMP_NE},
      {"SCMP_CMP_LT", SCMP_CMP_LT},
      {"SCMP_CMP_LE", SCMP_CMP_LE},
      {"SCMP_CMP_EQ", SCMP_CMP_EQ},
      {"SCMP_CMP_GE", SCMP_CMP_GE},
      {"SCMP_CMP_GT", SCMP_CMP_GT},
      {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
  for (const auto& [known, op] : kOperators)
    if (name == known) return op;
  return Fail(Code::kInvalid, "seccomp: unknown operator \"" + name + "\"");
}

// "SCMP_ARCH_X86_64" -> libseccomp's "x86_64".
Result<uint32_t> ArchitectureOf(const std::string& name) {
  constexpr std::string_view kPrefix = "SCMP_ARCH_";
  std::string lower = name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : "";
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  uint32_t token = lower.empty() ? 0 : seccomp_arch_resolve_name(lower.c_str());
  if (token == 0) return Fail(Code::kInvalid, "seccomp: unknown architecture \"" + name + "\"");
  return token;
}

// --- One libseccomp filter ---

struct ReleaseFilter {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, ReleaseFilter>;

Result<Filter> NewFilter(uint32_t default_action, const std::vector<std::string>& architectures) {
  Filter filter(seccomp_init(default_action));
  if (filter == nullptr) return Fail(Code::kInvalid, "seccomp: the default action is refused by libseccomp");
  for (const std::string& name : architectures) {
    int error = seccomp_arch_add(filter.get(), TRY(ArchitectureOf(name)));
    if (error < 0 && error != -EEXIST) return FailErrno("seccomp: add architecture " + name, -error);
  }
  // A balanced tree instead of a chain of 400 comparisons; older libraries do not have it.
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  return filter;
}

using Arguments = std::vector<scmp_arg_cmp>;

// What is and-ed together may name each argument once; where a rule names one twice, each stands alone (as
// runc does).
Result<std::vector<Arguments>> ArgumentsOf(const SpecSeccompRule& rule) {
  Arguments all;
  std::set<uint32_t> indexes;
  for (const SpecSeccompArg& arg : rule.args) {
    if (arg.index > 5) return Fail(Code::kInvalid, "seccomp: a system call has arguments 0 to 5");
    scmp_compare op = TRY(OperatorOf(arg.op));
    all.push_back({arg.index, op, arg.value, arg.value_two});
    indexes.insert(arg.index);
  }
  if (indexes.size() == all.size()) return std::vector<Arguments>{all};
  std::vector<Arguments> alternatives;
  for (const scmp_arg_cmp& one : all) alternatives.push_back({one});
  return alternatives;
}

Result<> AddRule(const Filter& filter, uint32_t action, const std::string& name, const Arguments& arguments) {
  int number = seccomp_syscall_resolve_name(name.c_str());
  if (number == __NR_SCMP_ERROR) return {};  // newer than our libseccomp: the default action answers
  int error = seccomp_rule_add_array(filter.get(), action, number, static_cast<unsigned>(arguments.size()),
                                     arguments.data());
  // EDOM: not on one of the architectures. EEXIST: said before.
  if (error < 0 && error != -EDOM && error != -EEXIST)
    return FailErrno("seccomp: add a rule for " + name, -error);
  return {};
}

Result<std::vector<sock_filter>> Export(const Filter& filter) {
  Fd file(memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return FailErrno("seccomp: memfd_create");
  if (int error = seccomp_export_bpf(filter.get(), file.get()); error < 0)
    return FailErrno("seccomp: compile the profile", -error);
  off_t size = lseek(file.get(), 0, SEEK_END);
  if (size < 0 || size % static_cast<off_t>(sizeof(sock_filter)) != 0)
    return Fail(Code::kCorrupt, "seccomp: libseccomp wrote half a program");
  std::vector<sock_filter> program(static_cast<size_t>(size) / sizeof(sock_filter));
  if (TRY(PreadFull(file.get(), program.data(), static_cast<size_t>(size), 0)) != static_cast<size_t>(size))
    return Fail(Code::kIo, "seccomp: the compiled program is cut short");
  return program;
}

// --- The profile ---

// Calls that have a rule without arguments.
std::set<std::string> PlainCalls(const SpecSeccomp& profile) {
  std::set<std::string> names;
  for (const SpecSeccompRule& rule : profile.syscalls)
    if (rule.args.empty()) names.insert(rule.names.begin(), rule.names.end());
  return names;
}

constexpr std::string_view kMultiplexed[] = {
    "accept",   "accept4",  "bind",   "connect",    "getpeername", "getsockname", "getsockopt",
    "listen",   "msgctl",   "msgget", "msgrcv",     "msgsnd",      "recv",        "recvfrom",
    "recvmmsg", "recvmsg",  "semctl", "semget",     "semop",       "semtimedop",  "send",
    "sendmmsg", "sendmsg",  "sendto", "setsockopt", "shmat",       "shmctl",      "shmdt",
    "shmget",   "shutdown", "socket", "socketpair"};
constexpr std::string_view kMultiplexing[] = {"SCMP_ARCH_X86",     "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPSEL",
                                              "SCMP_ARCH_M68K",    "SCMP_ARCH_PPC",  "SCMP_ARCH_PPC64",
                                              "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390", "SCMP_ARCH_S390X",
                                              "SCMP_ARCH_SH",      "SCMP_ARCH_SHEB"};

template <typename Table>
bool In(std::string_view word, const Table& table) {
  return std::find(std::begin(table), std::end(table), word) != std::end(table);
}

// In the order in which they stand in the program; those before the last one only where they have rules.
struct FilterChain {
  enum { kUnmultiplexed, kExceptions, kMain, kCount };
  Filter filters[kCount];
  bool used[kCount] = {false, false, true};
};

Result<FilterChain> NewChain(const SpecSeccomp& profile, uint32_t default_action) {
  std::vector<std::string> unmultiplexed;
  for (const std::string& name : profile.architectures)
    if (!In(name, kMultiplexing)) unmultiplexed.push_back(name);
  FilterChain chain;
  chain.filters[FilterChain::kUnmultiplexed] = TRY(NewFilter(kGoOn, unmultiplexed));
  chain.filters[FilterChain::kExceptions] = TRY(NewFilter(kGoOn, profile.architectures));
  chain.filters[FilterChain::kMain] = TRY(NewFilter(default_action, profile.architectures));
  // A foreign architecture is the last filter's business.
  for (int i : {FilterChain::kUnmultiplexed, FilterChain::kExceptions})
    (void)seccomp_attr_set(chain.filters[i].get(), SCMP_FLTATR_ACT_BADARCH, kGoOn);
  return chain;
}

Result<> AddRules(const SpecSeccomp& profile, uint32_t default_action, FilterChain& chain) {
  std::set<std::string> plain = PlainCalls(profile);
  for (const SpecSeccompRule& rule : profile.syscalls) {
    uint32_t action = TRY(ActionOf(rule.action, rule.errno_ret));
    std::vector<Arguments> alternatives = TRY(ArgumentsOf(rule));
    for (const std::string& name : rule.names) {
      bool exception = !rule.args.empty() && plain.contains(name);
      if (!exception && action == default_action) continue;  // libseccomp refuses what changes nothing
      int place = !exception               ? FilterChain::kMain
                  : In(name, kMultiplexed) ? FilterChain::kUnmultiplexed
                                           : FilterChain::kExceptions;
      for (const Arguments& arguments : alternatives)
        TRY(AddRule(chain.filters[place], action, name, arguments));
      chain.used[place] = true;
    }
  }
  return {};
}

Result<std::vector<sock_filter>> Compile(const SpecSeccomp& profile) {
  uint32_t default_action = TRY(ActionOf(profile.default_action, profile.default_errno_ret));
  FilterChain chain = TRY(NewChain(profile, default_action));
  TRY(AddRules(profile, default_action, chain));
  std::vector<sock_filter> program;
  for (int place = 0; place < FilterChain::kCount; place++) {
    if (!chain.used[place]) continue;
    std::vector<sock_filter> part = TRY(Export(chain.filters[place]));
    for (size_t i = 0; i < part.size(); i++)
      if (part[i].code == (BPF_RET | BPF_K) && part[i].k == kGoOn)
        part[i] = BPF_STMT(BPF_JMP | BPF_JA, static_cast<uint32_t>(part.size() - i - 1));
    program.insert(program.end(), part.begin(), part.end());
  }
  if (program.size() > BPF_MAXINSNS)
    return Fail(Code::kInvalid, "seccomp: the profile is too long for the kernel (" +
                                    std::to_string(program.size()) + " instructions, at most 4096)");
  return program;
}

// --- The cache ---
//
// A file is: CacheHeader, the source text, the program. The source is compared, so its hash need not be a
// strong one; the checksum is against a damaged disk.

struct CacheHeader {
  char magic[8];
  uint32_t source_bytes, instructions;
  uint64_t checksum;  // of source and program
};
constexpr char kMagic[] = "wlfbpf2\n";
constexpr size_t kMaxCacheBytes = 1 << 20;

uint64_t Hash(std::string_view text) {
  uint64_t h = 0x9e3779b97f4a7c15 ^ text.size();
  auto mix = [&h](uint64_t word) {
    h = (h ^ word) * 0xff51afd7ed558ccd;
    h ^= h >> 32;
  };
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t word;
    memcpy(&word, text.data(), 8);
    mix(word);
  }
  uint64_t tail = 0;
  memcpy(&tail, text.data(), text.size());
  mix(tail);
  return h;
}

// Everything that decides the program, unambiguously: each string with its length.
class SourceText {
 public:
  void Put(std::string_view text) { text_ += std::to_string(text.size()) + ":" + std::string(text); }
  void Put(uint64_t number) { text_ += std::to_string(number) + ";"; }
  void Put(const std::optional<uint32_t>& number) { text_ += number ? std::to_string(*number) + ";" : "-;"; }
  void Put(const std::vector<std::string>& texts) {
    Put(texts.size());
    for (const std::string& text : texts) Put(std::string_view(text));
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string SourceOf(const SpecSeccomp& profile) {
  SourceText text;
  const scmp_version* version = seccomp_version();
  text.Put(version->major);
  text.Put(version->minor);
  text.Put(version->micro);
  text.Put(uint64_t{seccomp_arch_native()});
  text.Put(std::string_view(profile.default_action));
  text.Put(profile.default_errno_ret);
  text.Put(profile.architectures);
  for (const SpecSeccompRule& rule : profile.syscalls) {
    text.Put(rule.names);
    text.Put(std::string_view(rule.action));
    text.Put(rule.errno_ret);
    text.Put(rule.args.size());
    for (const SpecSeccompArg& arg : rule.args) {
      text.Put(arg.index);
      text.Put(arg.value);
      text.Put(arg.value_two);
      text.Put(std::string_view(arg.op));
    }
  }
  return text.Take();
}

std::string CachePath(const std::string& directory, const std::string& source) {
  char name[32];
  snprintf(name, sizeof name, "/%016lx.bpf", static_cast<unsigned long>(Hash(source)));
  return directory + name;
}

std::optional<std::vector<sock_filter>> ReadCache(const std::string& path, const std::string& source) {
  Result<Fd> fd = Open(path, O_RDONLY | O_NOFOLLOW);
  if (!fd) return std::nullopt;
  Result<std::string> file = ReadFd(fd->get(), kMaxCacheBytes, path);
  CacheHeader header;
  if (!file || file->size() < sizeof header) return std::nullopt;
  memcpy(&header, file->data(), sizeof header);
  std::string_view body = std::string_view(*file).substr(sizeof header);
  size_t program_bytes = size_t{header.instructions} * sizeof(sock_filter);
  if (memcmp(header.magic, kMagic, sizeof header.magic) != 0 || header.instructions == 0 ||
      header.instructions > BPF_MAXINSNS || header.source_bytes != source.size() ||
      body.size() != source.size() + program_bytes || !body.starts_with(source) ||
      header.checksum != Hash(body))
    return std::nullopt;
  std::vector<sock_filter> program(header.instructions);
  memcpy(program.data(), body.data() + source.size(), program_bytes);
  return program;
}

// A cache that cannot be written costs time, nothing else.
void WriteCache(const std::string& path, const std::string& source, const std::vector<sock_filter>& program) {
  std::string body = source;
  body.append(reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter));
  CacheHeader header{.source_bytes = static_cast<uint32_t>(source.size()),
                     .instructions = static_cast<uint32_t>(program.size()),
                     .checksum = Hash(body)};
  memcpy(header.magic, kMagic, sizeof header.magic);
  if (sizeof header + body.size() > kMaxCacheBytes || !MakeDirectories(SplitPath(path).first)) return;
  std::string file(reinterpret_cast<const char*>(&header), sizeof header);
  (void)ReplaceFileAt(AT_FDCWD, path, file + body, 0600, Durability::kVolatile);
}

}  // namespace

Result<std::vector<sock_filter>> CompileSeccomp(const SpecSeccomp& profile, const std::string& cache_dir) {
  if (cache_dir.empty()) return Compile(profile);
  std::string source = SourceOf(profile);
  std::string path = CachePath(cache_dir, source);
  if (auto cached = ReadCache(path, source)) return *std::move(cached);
  std::vector<sock_filter> program = TRY(Compile(profile));
  WriteCache(path, source, program);
  return program;
}

}  // namespace wolffia
