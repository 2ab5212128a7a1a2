// -p and --expose: what is accepted prints as a mapping that means the same, lies within 1..65535, and errors
// print as harmless text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "network/port_mapping.h"

namespace {

using namespace wolffia;

void Check(bool holds) {
  if (!holds) abort();
}

bool Harmless(std::string_view text) {
  for (char c : text)
    if (c < ' ' || c > '~') return false;
  return text.size() < 1024;
}

// FormatPortMapping's text, as -p takes it.
std::string AsFlag(const PortMapping& port) {
  std::string text = FormatPortMapping(port);
  text.replace(text.find("->"), 2, ":");
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto port = ParsePortMapping(text);
  if (!port) {
    Check(Harmless(port.error().what));
  } else {
    Check(port->container_port > 0 && port->container_port + port->count <= 65536);
    Check(port->count > 0 && port->host_port + port->count <= 65536);
    if (port->host_ip.empty()) port->host_ip = "0.0.0.0";  // what is printed for it
    if (port->host_port != 0) {
      auto again = ParsePortMapping(AsFlag(*port));
      Check(again && *again == *port);
      Check(SharesHostPort(*port, *again));
    }
  }
  auto exposed = ParseExposedPort(text);
  Check(exposed ? exposed->host_ip.empty() && exposed->host_port == 0 : Harmless(exposed.error().what));
  return 0;
}
