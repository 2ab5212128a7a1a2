// The events of secrets.
#pragma once

#include "engine/base/context.h"
#include "storage/secret_store.h"

namespace wolffia {

void WriteSecretEvent(const Context& context, const Store& store, const char* status,
                      const SecretRecord& record);

}  // namespace wolffia
