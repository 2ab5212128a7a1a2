#include "cmd/volume_removal.h"

#include "engine/runtime/events.h"
#include "engine/runtime/remove_tree.h"

namespace wolffia {

Result<> RemoveVolume(const Context& context, const Store& store, const std::string& name) {
  std::string left_over;
  auto removed = VolumeStore(store).Remove(name, &left_over);
  if (!removed && !left_over.empty())
    removed = RemoveTreeAsRoot(context, store.root_path() + "/" + left_over);
  if (removed) WriteVolumeEvent(context, store, "remove", name);
  return removed;
}

void RemoveLeftOver(const Context& context, const Store& store, const std::string& left_over) {
  if (left_over.empty()) return;
  auto removed = RemoveTreeAsRoot(context, store.root_path() + "/" + left_over);
  if (!removed) context.Debug("remove " + left_over + ": " + removed.error().what);
}

void WriteVolumeEvent(const Context& context, const Store& store, const char* status,
                      const std::string& name) {
  Event event;
  event.time_ns = context.now();
  event.type = "volume";
  event.status = status;
  event.name = name;
  WriteEvent(store, event);
}

}  // namespace wolffia
