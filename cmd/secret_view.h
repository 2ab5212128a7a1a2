// Secrets as they are shown: everything but what they are.
#pragma once

#include "cmd/template/template.h"
#include "storage/secret_store.h"

namespace wolffia {

// What `secret inspect` prints, with podman's field names.
Value DescribeSecret(const Store& store, const SecretRecord& record);
// A row of `secret ls`.
Value SecretRow(const SecretRecord& record, int64_t now_ns);

}  // namespace wolffia
