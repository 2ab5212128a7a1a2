// The text of --network as what it asks for. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "network/parts.h"

namespace wolffia {

// --network and --net, each time that they are given, into mode, options and networks of `config`:
//   none  host  private  slirp4netns[:KEY=VALUE,...]  pasta[:WORD,...]  container:NAME  ns:PATH
//   NAME[:KEY=VALUE,...]
// where NAME is a user-defined network and "bridge" the default one of them. `defaults` are options of
// slirp4netns and pasta that come first (network.options of the settings). kInvalid in podman's words.
Result<> ReadNetworkModes(const std::vector<std::string>& texts, const std::vector<std::string>& defaults,
                          NetworkConfig& config);

// One option of slirp4netns: "mtu=1500". kInvalid: unknown, or out of range.
Result<> ReadUserModeOption(const std::string& text, UserModeOptions& options);

}  // namespace wolffia
