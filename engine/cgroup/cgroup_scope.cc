#include "engine/cgroup/cgroup_scope.h"

#include "engine/base/random.h"

namespace wolffia {
namespace {

constexpr int64_t kPatience = 5'000'000'000;

// a(sv): each property is a structure of its name and a variant.
class Properties {
 public:
  explicit Properties(BusWriter& out) : out_(out), begun_(out.BeginArray(8)) {}
  void End() { out_.EndArray(begun_, 8); }
  void Add(std::string_view name, std::string_view type) {
    out_.Pad(8);
    out_.String(name);
    out_.Signature(type);
  }
  void Number(std::string_view name, uint64_t value) {
    Add(name, "t");
    out_.Uint64(value);
  }
  void Weights(const ScopeWeights& weights) {
    if (weights.cpu != 0) Number("CPUWeight", weights.cpu);
    if (weights.io != 0) Number("IOWeight", weights.io);
    if (!weights.io_devices.empty()) Devices("IODeviceWeight", weights.io_devices);
    if (weights.memory_low != 0) Number("MemoryLow", weights.memory_low);
  }
  void Devices(std::string_view name, const std::vector<std::pair<std::string, uint64_t>>& devices) {
    Add(name, "a(st)");
    const size_t begun = out_.BeginArray(8);
    for (const auto& [path, weight] : devices) {
      out_.Pad(8);
      out_.String(path);
      out_.Uint64(weight);
    }
    out_.EndArray(begun, 8);
  }
  void Text(std::string_view name, std::string_view value) {
    Add(name, "s");
    out_.String(value);
  }

 private:
  BusWriter& out_;
  size_t begun_;
};

std::string ScopeBody(const std::string& unit, const ScopeWish& wish) {
  BusWriter out;
  out.String(unit);
  out.String("fail");
  Properties properties(out);
  properties.Text("Description", wish.description);
  properties.Text("Slice", wish.slice);
  properties.Text("CollectMode", "inactive-or-failed");
  properties.Add("Delegate", "b");
  out.Bool(true);
  properties.Number("TasksMax", UINT64_MAX);  // the container's own limit is what counts
  properties.Weights(wish.weights);
  properties.Add("PIDs", "au");
  const size_t pids = out.BeginArray(4);
  out.Uint32(static_cast<uint32_t>(wish.pid));
  out.EndArray(pids, 4);
  properties.End();
  out.EndArray(out.BeginArray(8), 8);  // no auxiliary units
  return out.text();
}

}  // namespace

Result<CgroupScope> CgroupScope::Request(const CgroupHost& host, ScopeWish wish) {
  CgroupScope scope(TRY(UserBus::Connect(host)), std::move(wish));
  TRY(scope.Ask("wolffia-" + scope.wish_.id + ".scope"));
  return scope;
}

Result<> CgroupScope::Ask(std::string unit) {
  unit_ = std::move(unit);
  serial_ = TRY(bus_.Call("StartTransientUnit", "ssa(sv)a(sa(sv))", ScopeBody(unit_, wish_)));
  return {};
}

Result<> CgroupScope::Await() {
  const int64_t deadline = UserBus::DeadlineAfter(kPatience);
  for (bool again = false;;) {
    const BusMessage message = TRY(bus_.Receive(deadline));
    if (message.type == BusMessage::Type::kError && message.reply_serial == serial_) {
      // What an earlier run of the container started and left behind is in the scope of that name.
      if (again || message.error_name != "org.freedesktop.systemd1.UnitExists")
        return Fail(Code::kIo, "systemd refuses a scope: " + BusErrorText(message));
      again = true;
      TRY(Ask("wolffia-" + wish_.id + "-" + RandomHex(4) + ".scope"));
      continue;
    }
    if (message.type != BusMessage::Type::kSignal || message.member != "JobRemoved" ||
        message.signature != "uoss")
      continue;
    BusReader body(message.body);
    body.Uint32();  // number and path of the job
    body.String();
    const std::string_view unit = body.String(), result = body.String();
    if (!body.ok() || unit != unit_) continue;
    if (result == "done") return {};
    return Fail(Code::kIo, "systemd could not start the scope " + unit_ + ": " + std::string(result));
  }
}

namespace {

Result<> CallAndWait(const CgroupHost& host, const char* member, const char* signature,
                     const std::string& body) {
  UserBus bus = TRY(UserBus::Connect(host));
  const uint32_t serial = TRY(bus.Call(member, signature, body));
  const int64_t deadline = UserBus::DeadlineAfter(kPatience);
  for (;;) {
    const BusMessage message = TRY(bus.Receive(deadline));
    if (message.reply_serial != serial) continue;
    if (message.type == BusMessage::Type::kReturn) return {};
    return Fail(Code::kIo, "systemd refuses " + std::string(member) + ": " + BusErrorText(message));
  }
}

}  // namespace

Result<> SetScopeWeights(const CgroupHost& host, const std::string& unit, const ScopeWeights& weights) {
  BusWriter out;
  out.String(unit);
  out.Bool(true);  // until it is gone
  Properties properties(out);
  properties.Weights(weights);
  properties.End();
  return CallAndWait(host, "SetUnitProperties", "sba(sv)", out.text());
}

Result<> AttachToUnit(const CgroupHost& host, const std::string& unit, const std::string& below, pid_t pid) {
  BusWriter out;
  out.String(unit);
  out.String(below);
  const size_t pids = out.BeginArray(4);
  out.Uint32(static_cast<uint32_t>(pid));
  out.EndArray(pids, 4);
  return CallAndWait(host, "AttachProcessesToUnit", "ssau", out.text()).With("move a process into " + unit);
}

}  // namespace wolffia
