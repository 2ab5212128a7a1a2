// The documents of `wolffia inspect`, with podman's field names.
#pragma once

#include "cmd/image_view.h"
#include "cmd/template/template.h"
#include "storage/container_store.h"

namespace wolffia {

Result<Value> DescribeContainer(const Store& store, const ContainerStatus& status);
Result<Value> DescribeImage(const Store& store, const ImageGroup& group);

}  // namespace wolffia
