// The files of a container's directory as bytes: config.json, started.json, exit.json, live.json.
#pragma once

#include <string>
#include <string_view>

#include "storage/container_store.h"

namespace wolffia {

std::string SerializeContainer(const ContainerRecord& record);
Result<ContainerRecord> ParseContainer(std::string_view json, std::string_view where);
// config.json of `directory`, a path relative to the store's root; os_errno is ENOENT if there is none.
Result<ContainerRecord> ReadContainer(const Store& store, const std::string& directory);

std::string SerializeStarted(const StartedRecord& record);
Result<StartedRecord> ParseStarted(std::string_view json, std::string_view where);
std::string SerializeExit(const ExitRecord& record);
Result<ExitRecord> ParseExit(std::string_view json, std::string_view where);
std::string SerializeLive(const LiveRecord& record);
Result<LiveRecord> ParseLive(std::string_view json, std::string_view where);

// 64 lower-case hexadecimal digits.
bool IsContainerId(std::string_view text);

}  // namespace wolffia
