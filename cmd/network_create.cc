// wolffia network create.
#include "cmd/dispatch.h"
#include "cmd/network_removal.h"
#include "cmd/run_flags.h"
#include "engine/base/random.h"
#include "network/links.h"
#include "network/network_definition.h"
#include "storage/network_store.h"

namespace wolffia {
namespace {

// Of the host's network namespace. Where they cannot be read, nothing is known to be taken.
std::vector<IpPrefix> HostRoutes() {
  auto links = Links::Open();
  if (!links) return {};
  return links->Routes().value_or(std::vector<IpPrefix>());
}

Result<NetworkWish> ReadWish(const Command& command) {
  const OptionValues& options = command.options();
  if (const std::string driver = options.String("driver"); driver != "bridge")
    return Fail(Code::kUnsupported, "unsupported driver " + driver +
                                        ": invalid argument: an ordinary user's networks are bridges; other "
                                        "drivers need an interface of the host");
  if (const std::string driver = options.String("ipam-driver"); driver != "host-local")
    return Fail(Code::kUnsupported, "unsupported ipam driver " + driver + ": there is only host-local");
  NetworkWish wish{.name = {},
                   .subnets = options.List("subnet"),
                   .gateways = options.List("gateway"),
                   .ranges = options.List("ip-range"),
                   .ipv6 = options.Bool("ipv6"),
                   .internal = options.Bool("internal"),
                   .dns = !options.Bool("disable-dns"),
                   .labels = TRY(ReadPairs(options.List("label"), "--label")),
                   .options = {}};
  wish.options = TRY(ReadPairs(options.List("opt"), "--opt"));
  if (!command.line.arguments.empty()) {
    wish.name = command.line.arguments[0];
    TRY(CheckNetworkName(wish.name));
  }
  return wish;
}

}  // namespace

Result<int> NetworkCreateVerb(const Command& command) {
  NetworkWish wish = TRY(ReadWish(command));
  Session session = TRY(OpenSession(command, Registries::kSkip));
  auto made = NetworkStore(session.store).Create([&](const std::vector<NetworkRecord>& others) {
    auto record = DefineNetwork(wish, {others, HostRoutes()}, std::stoull(RandomHex(8), nullptr, 16));
    if (record) record->created_ns = command.context.now();
    return record;
  });
  if (!made && made.error().code == Code::kExists && command.options().Bool("ignore")) {
    PrintLine(wish.name);
    return 0;
  }
  NetworkRecord network = TRY(std::move(made));
  WriteNetworkEvent(command.context, session.store, "create", network);
  PrintLine(network.name);
  return 0;
}

}  // namespace wolffia
