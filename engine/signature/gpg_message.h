// GpgMessage: an OpenPGP signed message, opened by gpgv (Debian: package gpgv) as a child process: it has a
// keyring in memory and nothing else: no home, no key store of the user, no agent, bounded time, memory and
// output.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

struct GpgMessage {
  std::string payload;
  std::string fingerprint;  // of the primary key, upper-case hexadecimal
};

// kInvalid says why the message is not good: no signature of the keyring's keys, expired, revoked, several
// signatures, a weak hash, a payload of more than kMaxPayloadBytes. kUnsupported if gpgv is not installed.
Result<GpgMessage> OpenGpgMessage(const std::string& keyring, const std::string& message);

// What gpgv's status lines (--status-fd, doc/DETAILS of GnuPG) say of a message: the primary key's
// fingerprint, or kInvalid. Pure.
Result<std::string> ReadGpgStatus(std::string_view status);

}  // namespace wolffia
