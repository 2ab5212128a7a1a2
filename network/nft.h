// NftTable: one table of nftables rules as data, put into the kernel in one transaction (nft(8); the messages
// are those of linux/netfilter/nf_tables.h). Only the expressions that our networks need.
//
//   NftTable table("wolffia");
//   table.Chain({.name = "out", .type = "route", .hook = NF_INET_LOCAL_OUT, .priority = -150});
//   table.Rule("out", NftRule().Mark(0x77).SetCtMark(0x77));
//   TRY(table.Install(socket));
#pragma once

// Before linux/netfilter.h, which knows glibc's types only if they are there already.
#include <netinet/in.h>

#include <linux/netfilter.h>

#include <string>
#include <vector>

#include "network/ip_address.h"
#include "network/netlink.h"

namespace wolffia {

// Conditions, then what happens where all of them hold; in the order of the calls.
class NftRule {
 public:
  NftRule& Mark(uint32_t mark);    // the packet's
  NftRule& CtMark(uint32_t mark);  // its connection's
  NftRule& CtReply();              // it goes against the direction in which its connection was made
  NftRule& CtEstablished();        // established or related
  NftRule& InInterface(const std::string& name, bool is = true);  // `is` false: any other
  NftRule& OutInterface(const std::string& name, bool is = true);
  NftRule& From(const IpPrefix& prefix, bool is = true);  // its source address
  NftRule& To(const IpPrefix& prefix, bool is = true);
  NftRule& ToPort(uint8_t protocol, uint16_t port);  // IPPROTO_TCP, IPPROTO_UDP
  NftRule& IsProtocol(uint8_t protocol);             // of layer 4

  NftRule& SetMark(uint32_t mark);
  NftRule& SetCtMark(uint32_t mark);
  NftRule& Masquerade();
  NftRule& Accept() { return Verdict(NF_ACCEPT); }
  NftRule& Drop() { return Verdict(NF_DROP); }

  const std::vector<std::string>& expressions() const { return expressions_; }

 private:
  NftRule& Verdict(uint32_t code);
  NftRule& Compare(uint32_t operation, std::string_view value);
  NftRule& Load(const char* expression, uint32_t key);
  NftRule& Immediate(uint32_t value);
  NftRule& Address(const IpPrefix& prefix, bool source, bool is);
  NftRule& Payload(uint32_t base, uint32_t offset, uint32_t size);
  void Add(const char* name, NetlinkMessage data);

  std::vector<std::string> expressions_;  // each the body of an NFTA_LIST_ELEM
};

struct NftChain {
  std::string name;
  std::string type = "filter";  // "nat", "route"
  uint32_t hook = NF_INET_LOCAL_OUT;
  int32_t priority = 0;
  uint32_t policy = NF_ACCEPT;
};

class NftTable {
 public:
  // `family`: NFPROTO_INET (IPv4 and IPv6), NFPROTO_IPV4. Chains of type "route" and "nat" exist in each of
  // them.
  explicit NftTable(std::string name, uint8_t family = NFPROTO_INET)
      : name_(std::move(name)), family_(family) {}

  void Chain(NftChain chain) { chains_.push_back(std::move(chain)); }
  void Rule(const std::string& chain, const NftRule& rule) { rules_.emplace_back(chain, rule); }

  // `socket`: of NETLINK_NETFILTER, in the network namespace meant. What the table held before is replaced,
  // at once: no packet sees a half of it.
  Result<> Install(NetlinkSocket& socket) const;

 private:
  NetlinkMessage Batch() const;

  std::string name_;
  uint8_t family_;
  std::vector<NftChain> chains_;
  std::vector<std::pair<std::string, NftRule>> rules_;
};

}  // namespace wolffia
