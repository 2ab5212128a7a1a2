// Pulling from files of this host: oci:DIR, oci-archive:FILE, docker-archive:FILE.
#pragma once

#include "engine/registry/image_import.h"

namespace wolffia {

enum class LocalTransport { kOciLayout, kDockerArchive };

// `origin`: the transport's name in policies. `ref` names one of several images, and may be empty.
Result<ImageRecord> PullLocal(const ImageImport& import, LocalTransport transport, const std::string& origin,
                              const std::string& path, const std::string& ref);

}  // namespace wolffia
