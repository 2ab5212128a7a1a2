// A packet to the networks' resolver: any bytes. What is read as a question can be answered, within the
// limits.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "network/dns_message.h"
#include "network/holder_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wolffia;
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  (void)DecodeHolderRequest(packet);
  (void)DecodeHolderAnswer(packet);
  auto question = ParseDnsQuestion(packet);
  if (!question) return 0;
  if (question->end > size || question->name.size() > 255) abort();
  if (auto address = AddressOfPtrName(question->name); address && FormatIp(*address).empty()) abort();
  const std::string answer =
      MakeDnsAnswer(packet, *question, {*ParseIp("10.89.0.2"), *ParseIp("fd00::2")}, question->name);
  if (answer.size() > dns::kMaxUdpBytes || answer.size() < question->end) abort();
  if (MakeDnsError(packet, *question, dns::kNoName).size() != question->end) abort();
  return 0;
}
