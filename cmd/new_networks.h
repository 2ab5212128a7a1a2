// The user-defined networks of a new container.
#pragma once

#include "cmd/command_line.h"
#include "network/network_record.h"
#include "network/parts.h"
#include "storage/store.h"

namespace wolffia {

// --ip, --ip6, --mac-address and --network-alias, which belong to the one network, and to all of them.
// kInvalid in podman's words.
Result<> ReadNetworkUseFlags(const OptionValues& options, NetworkConfig& config);

// One network and how it is to be used. kInvalid: an address that none of its subnets has, a malformed MAC
// address, aliases where nobody would know them.
Result<> CheckNetworkUse(const NetworkRecord& network, const NetworkUse& use);

// The networks by their names, as the store has them. kNotFound: podman's words; kInvalid: one twice, or
// used as it cannot be.
Result<> ResolveNetworks(const Store& store, NetworkConfig& config);

}  // namespace wolffia
