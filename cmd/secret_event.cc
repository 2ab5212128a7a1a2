#include "cmd/secret_event.h"

#include "engine/runtime/events.h"

namespace wolffia {

void WriteSecretEvent(const Context& context, const Store& store, const char* status,
                      const SecretRecord& record) {
  Event event;
  event.time_ns = context.now();
  event.type = "secret";
  event.status = status;
  event.id = record.id;
  event.name = record.name;
  WriteEvent(store, event);
}

}  // namespace wolffia
