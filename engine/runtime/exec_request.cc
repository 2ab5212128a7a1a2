#include "engine/runtime/exec_request.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "engine/base/file.h"
#include "engine/base/socket.h"
#include "engine/runtime/sealed_program.h"
#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

// The order as strings, each a length and bytes; numbers in decimal.
class Writer {
 public:
  void Text(std::string_view text) {
    const uint64_t size = text.size();
    out_.append(reinterpret_cast<const char*>(&size), sizeof size);
    out_.append(text);
  }
  void Int(int64_t value) { Text(std::to_string(value)); }
  void List(const std::vector<std::string>& list) {
    Int(static_cast<int64_t>(list.size()));
    for (const std::string& text : list) Text(text);
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::string Text() {
    uint64_t size = 0;
    if (rest_.size() >= sizeof size) memcpy(&size, rest_.data(), sizeof size);
    ok_ = ok_ && rest_.size() >= sizeof size && rest_.size() - sizeof size >= size;
    if (!ok_) return "";
    std::string text(rest_.substr(sizeof size, size));
    rest_.remove_prefix(sizeof size + size);
    return text;
  }
  int64_t Int() {
    auto value = ParseDecimal<int64_t>(Text());
    ok_ = ok_ && value.has_value();
    return value.value_or(0);
  }
  std::vector<std::string> List() {
    std::vector<std::string> list;
    for (int64_t left = Int(); ok_ && left > 0; left--) list.push_back(Text());
    return list;
  }
  bool Done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

Result<Fd> OrderFile(const ExecOrder& order) {
  Fd file(memfd_create("exec-order", MFD_CLOEXEC));
  if (!file) return FailErrno("make a file in memory");
  TRY(WriteFull(file.get(), Encode(order)));
  return file;
}

}  // namespace

std::string Encode(const ExecOrder& order) {
  Writer out;
  const ExecRequest& r = order.request;
  for (const std::string* text : {&order.store_root, &order.store_runroot, &order.container_id, &r.user,
                                  &r.working_dir, &r.detach_keys, &r.id})
    out.Text(*text);
  out.List(r.command);
  out.List(r.env);
  for (int64_t value : {int64_t{order.volatile_store}, int64_t{order.log_level}, int64_t{r.tty},
                        int64_t{r.interactive}, int64_t{r.privileged}, int64_t{r.detach}, int64_t{r.events},
                        int64_t{r.size.rows}, int64_t{r.size.columns}, r.timeout_ms})
    out.Int(value);
  return out.Take();
}

Result<ExecOrder> DecodeExecOrder(std::string_view bytes) {
  Reader in(bytes);
  ExecOrder order;
  ExecRequest& r = order.request;
  for (std::string* text : {&order.store_root, &order.store_runroot, &order.container_id, &r.user,
                            &r.working_dir, &r.detach_keys, &r.id})
    *text = in.Text();
  r.command = in.List();
  r.env = in.List();
  order.volatile_store = in.Int() != 0;
  order.log_level = static_cast<int>(in.Int());
  for (bool* flag : {&r.tty, &r.interactive, &r.privileged, &r.detach, &r.events}) *flag = in.Int() != 0;
  r.size.rows = static_cast<uint16_t>(in.Int());
  r.size.columns = static_cast<uint16_t>(in.Int());
  r.timeout_ms = in.Int();
  if (!in.Done()) return Fail(Code::kCorrupt, "malformed order for wolffia-exec");
  return order;
}

Result<Child> StartExecHelper(const Context& context, const Store& store, const ContainerStatus& status,
                              Fd init, const ExecRequest& request, std::vector<Donation> stdio, Fd* control) {
  ExecOrder order{.store_root = store.root_path(),
                  .store_runroot = store.runroot_path(),
                  .container_id = status.record.id,
                  .volatile_store = store.durability() == Durability::kVolatile,
                  .log_level = static_cast<int>(context.log_level),
                  .request = request};
  Fd order_file = TRY(OrderFile(order));
  SocketPair sockets = TRY(MakeSocketPair());
  const SafeProgram program = TRY(SealedOrFile(TRY(FindSibling("wolffia-exec")), kExecOrder));
  SpawnRequest spawn;
  spawn.program = program.path;
  spawn.argv = {"wolffia-exec"};
  spawn.donations = std::move(stdio);
  spawn.donations.push_back({sockets.theirs.get(), kExecControl});
  spawn.donations.push_back({init.get(), kExecInit});
  spawn.donations.push_back({order_file.get(), kExecOrder});
  spawn.new_session = true;
  Child helper = TRY_WITH(Spawn(spawn), "start the helper of exec");
  *control = std::move(sockets.ours);
  return helper;
}

std::vector<std::string> ListExecSessions(const Store& store, const std::string& container_id) {
  std::vector<std::string> ids;
  auto directory = OpenDirectory(AT_FDCWD, store.runroot_path() + "/exec/" + container_id);
  if (!directory) return ids;
  for (std::string& name : ListDirectory(directory->get(), ".").value_or(std::vector<std::string>())) {
    if (FileLock::IsHeld(directory->get(), name).value_or(false))
      ids.push_back(std::move(name));
    else
      unlinkat(directory->get(), name.c_str(), 0);  // its helper was killed
  }
  return ids;
}

}  // namespace wolffia
