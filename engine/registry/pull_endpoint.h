// How one endpoint of an image's name is spoken to.
#pragma once

#include "engine/registry/image_import.h"
#include "engine/registry/registry_client.h"

namespace wolffia {

// Credentials (from --creds, else the usual places), certificates, and the policy of trying again.
Result<RegistryOptions> RegistryOptionsFor(const ImageImport& import, Endpoint endpoint,
                                           const PullOptions& options);

}  // namespace wolffia
