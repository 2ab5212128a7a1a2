// --network and what goes with it: which network a container has.
#include "cmd/run_flags.h"
#include "network/network_options.h"

namespace wolffia {

Result<> ReadNetworkFlags(const OptionValues& options, const Settings& settings, RunRequest& request) {
  const std::vector<std::string> modes =
      options.Has("network") ? options.List("network") : std::vector<std::string>{settings.network};
  TRY(ReadNetworkModes(modes, settings.network_options, request.network));
  request.network.hosts_file = !options.Bool("no-hosts");
  return {};
}

Result<> FillNetwork(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.network = request.network.mode;
  record.network_config = request.network;
  return {};
}

}  // namespace wolffia
