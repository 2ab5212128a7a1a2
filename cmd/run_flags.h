// The flags of `run` as a RunRequest. Reads nothing but the flags and the working directory's name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cmd/command_line.h"
#include "engine/config/settings.h"
#include "engine/oci/image_config.h"
#include "engine/runtime/run_request.h"
#include "storage/container_store.h"

namespace wolffia {

// Errors name the flag. `command`: the words after the image.
Result<RunRequest> ReadRunFlags(const OptionValues& options, const Settings& settings,
                                std::vector<std::string> command, const std::string& working_directory);

// The flags of one area each (run_flags_<area>.cc), into its part of the request...
Result<> ReadHealthFlags(const OptionValues& options, RunRequest& request);
Result<> ReadLifecycleFlags(const OptionValues& options, RunRequest& request);
Result<> ReadLogFlags(const OptionValues& options, RunRequest& request);
Result<> ReadNamespaceFlags(const OptionValues& options, RunRequest& request);
Result<> ReadNetworkFlags(const OptionValues& options, const Settings& settings, RunRequest& request);
Result<> ReadPortFlags(const OptionValues& options, RunRequest& request);
Result<> ReadProcessFlags(const OptionValues& options, RunRequest& request);
Result<> ReadResourceFlags(const OptionValues& options, const Settings& settings, RunRequest& request);
Result<> ReadTerminalFlags(const OptionValues& options, RunRequest& request);
Result<> ReadVolumeFlags(const OptionValues& options, RunRequest& request);

// Those of `update` too: what was not given stays as it is in `limits`. Devices are looked up.
Result<> ReadLimitFlags(const OptionValues& options, ResourceLimits& limits);

// Of `run` alone, which stays with the container or leaves it in the background.
struct ForegroundFlags {
  bool detach = false, sig_proxy = true;
  std::string detach_keys;
};
Result<ForegroundFlags> ReadForegroundFlags(const OptionValues& options);

// ... and from there, with the image, into the container's record.
Result<> FillHealth(const RunRequest& request, const ImageConfig& image, ContainerRecord& record);
Result<> FillLifecycle(const RunRequest& request, const ImageConfig& image, ContainerRecord& record);
Result<> FillLog(const RunRequest& request, const ImageConfig& image, ContainerRecord& record);
Result<> FillNamespaces(const RunRequest& request, const ImageConfig& image, ContainerRecord& record);
Result<> FillNetwork(const RunRequest& request, const ImageConfig& image, ContainerRecord& record);
Result<> FillPorts(const RunRequest& request, const ImageConfig& image, ContainerRecord& record);
Result<> FillProcess(const RunRequest& request, const ImageConfig& image, ContainerRecord& record);
Result<> FillTerminal(const RunRequest& request, const ImageConfig& image, ContainerRecord& record);
Result<> FillVolumes(const RunRequest& request, const ImageConfig& image, ContainerRecord& record);

// KEY[=VALUE] each, as --label and its like take them; the last one of a key counts. kInvalid with the flag's
// name.
Result<std::map<std::string, std::string>> ReadPairs(const std::vector<std::string>& list, const char* flag);

}  // namespace wolffia
