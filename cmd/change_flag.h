// ChangeFlag: the value of --change of `import` (and of what else makes an image of a container): one
// instruction of a Containerfile, applied to an image's configuration.
//
//   CMD ENTRYPOINT (JSON array, or a line for /bin/sh -c)   ENV LABEL (KEY=VALUE..., or KEY VALUE)
//   EXPOSE (PORT[-PORT][/PROTOCOL]...)   VOLUME (JSON array, or paths)   USER WORKDIR STOPSIGNAL ONBUILD
//
// Instruction and value may be joined by "=", as podman allows: CMD=/bin/sh. Pure.
#pragma once

#include <string>

#include "engine/oci/image_config.h"

namespace wolffia {

// kInvalid: `invalid change "X" - why`.
Result<> ApplyChange(const std::string& change, ImageConfig& config);

}  // namespace wolffia
