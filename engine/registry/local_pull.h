// Pulling from files of this host: oci:DIR, oci-archive:FILE, docker-archive:FILE.
#pragma once

#include "engine/registry/image_import.h"

namespace wolffia {

enum class LocalTransport { kOciLayout, kDockerArchive };

// `ref` names one of several images, and may be empty.
Result<ImageRecord> PullLocal(const ImageImport& import, LocalTransport transport, const std::string& path,
                              const std::string& ref);

}  // namespace wolffia
