// Where policies are, and whether one has changed: what `run` asks before every start, so nothing here opens
// a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/result.h"

namespace wolffia {

inline constexpr const char* kSitePolicyFile = "/etc/wolffia/policy.toml";

// The site's file, then the user's ($XDG_CONFIG_HOME/wolffia/policy.toml), or `flag` (--signature-policy) in
// its place. An image must satisfy each of them that exists: a user can be stricter than the site, never
// laxer.
Result<std::vector<std::string>> PolicyPaths(const Context& context, const std::string& flag,
                                             const std::string& site = kSitePolicyFile);

// True if one of the files was made, replaced or changed after `since_ns`. By the time of the inode's last
// change, which no copying of times takes back. A file that cannot be looked at counts as changed: whoever
// reads it says why.
bool PolicyChangedSince(const std::vector<std::string>& paths, int64_t since_ns);

}  // namespace wolffia
