// The user-defined networks of a new container.
#pragma once

#include "cmd/command_line.h"
#include "network/parts.h"
#include "storage/store.h"

namespace wolffia {

// --ip, --ip6, --mac-address and --network-alias, which belong to the one network, and to all of them.
// kInvalid in podman's words.
Result<> ReadNetworkUseFlags(const OptionValues& options, NetworkConfig& config);

// The networks by their names, as the store has them. kNotFound: podman's words; kInvalid: one twice, or an
// address that none of its subnets has.
Result<> ResolveNetworks(const Store& store, NetworkConfig& config);

}  // namespace wolffia
