#include "engine/signature/gpg_message.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/oci/quote.h"
#include "engine/signature/payload.h"

namespace wolffia {
namespace {

constexpr size_t kMaxStatus = 64 << 10;
constexpr int kKeyringFd = 5, kStatusFd = 6;

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const size_t space = std::min(line.find(' '), line.size());
    if (space > 0) words.push_back(line.substr(0, space));
    line.remove_prefix(std::min(space + 1, line.size()));
  }
  return words;
}

// Why a signature is not good, for each status that says so.
const char* Fault(std::string_view keyword) {
  constexpr struct {
    std::string_view keyword;
    const char* fault;
  } kFaults[] = {
      {"BADSIG", "the signature does not fit the payload"},
      {"EXPSIG", "the signature has expired"},
      {"EXPKEYSIG", "it was made by a key that has expired"},
      {"REVKEYSIG", "it was made by a key that has been revoked"},
      {"NO_PUBKEY", "it was made by none of the rule's keys"},
      {"ERRSIG",
       "it cannot be checked: made by none of the rule's keys, or by an algorithm that gpgv refuses"},
      {"NODATA", "it is no OpenPGP message"},
      {"UNEXPECTED", "it is no proper OpenPGP message"},
  };
  for (const auto& entry : kFaults)
    if (entry.keyword == keyword) return entry.fault;
  return nullptr;
}

Result<Fd> MemoryFile(const char* name, std::string_view bytes) {
  Fd file(memfd_create(name, MFD_CLOEXEC));
  if (!file) return FailErrno("memfd_create");
  TRY(WriteFull(file.get(), bytes));
  return file;
}

}  // namespace

Result<std::string> ReadGpgStatus(std::string_view status) {
  constexpr std::string_view kPrefix = "[GNUPG:] ";
  // Fields of VALIDSIG, after the keyword.
  constexpr size_t kHash = 7, kClass = 8, kPrimary = 9;
  int signatures = 0, good = 0, plaintexts = 0;
  std::string fingerprint;
  for (std::string_view rest = status; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.starts_with(kPrefix)) continue;
    const auto words = Words(line.substr(kPrefix.size()));
    if (words.empty()) continue;
    if (words[0] == "NEWSIG") signatures++;
    if (words[0] == "PLAINTEXT") plaintexts++;
    if (words[0] == "GOODSIG") good++;
    if (const char* fault = Fault(words[0])) return Fail(Code::kInvalid, fault);
    if (words[0] != "VALIDSIG") continue;
    if (words.size() <= 1 + kPrimary) return Fail(Code::kInvalid, "gpgv says too little of it");
    // SHA-256, SHA-384, SHA-512 and SHA-224 (RFC 4880, section 9.4): all else can be made to collide.
    constexpr std::string_view kHashes[] = {"8", "9", "10", "11"};
    if (std::ranges::find(kHashes, words[1 + kHash]) == std::end(kHashes))
      return Fail(Code::kInvalid, "its hash is too weak");
    if (words[1 + kClass] != "00" && words[1 + kClass] != "01")
      return Fail(Code::kInvalid, "it is no signature of a document");
    fingerprint = words[1 + kPrimary];
  }
  if (signatures != 1 || good != 1 || plaintexts != 1 || fingerprint.empty())
    return Fail(Code::kInvalid, "it is no message with exactly one good signature");
  return fingerprint;
}

Result<GpgMessage> OpenGpgMessage(const std::string& keyring, const std::string& message) {
  auto program = FindProgram("gpgv");
  if (!program)
    return Fail(Code::kUnsupported,
                "GPG signatures are verified by gpgv, which is not installed: install the package gpgv");
  Fd keys = TRY(MemoryFile("keyring", keyring)), status = TRY(MemoryFile("status", ""));
  // prlimit would come too late: the limits are in place before the program is.
  const std::string limits = "ulimit -t 10 -v 1048576 -f 65536 -c 0; exec \"$0\" \"$@\"";
  SpawnRequest request{
      .program = "/bin/sh",
      .argv = {"sh", "-c", limits, *program, "--homedir", "/nonexistent", "--keyring",
               "/dev/fd/" + std::to_string(kKeyringFd), "--status-fd", std::to_string(kStatusFd), "--output",
               "-", "-"},
      .env = {"LC_ALL=C", "PATH=/usr/bin:/bin"},
      .donations = {{keys.get(), kKeyringFd}, {status.get(), kStatusFd}},
  };
  auto output = RunForOutput(std::move(request), message, kMaxPayloadBytes);
  if (!output && output.error().code == Code::kInvalid)
    return Fail(Code::kInvalid, "its payload has more than " + std::to_string(kMaxPayloadBytes) + " bytes");
  Output ran = TRY(std::move(output));
  if (lseek(status.get(), 0, SEEK_SET) != 0) return FailErrno("seek");
  const std::string lines = TRY(ReadFd(status.get(), kMaxStatus, "gpgv's status"));
  std::string fingerprint = TRY(ReadGpgStatus(lines));
  if (ran.status != ExitStatus{})
    return Fail(Code::kInvalid, "gpgv does not accept it: " + Printable(ran.err, 200));
  return GpgMessage{std::move(ran.out), std::move(fingerprint)};
}

}  // namespace wolffia
