// GpgKeyring: public OpenPGP keys as gpgv wants them, binary, from files that may be ASCII-armoured (RFC
// 4880, section 6). Pure.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

// The packets of a file of public keys: of each armoured block in it, or the file itself if it is binary.
// kInvalid for other blocks (a private key, a signature), a wrong checksum, or none.
Result<std::string> ReadPublicKeys(std::string_view file);

}  // namespace wolffia
