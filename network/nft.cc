#include "network/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>

namespace wolffia {
namespace {

constexpr uint8_t kReplyDirection = 1;  // IP_CT_DIR_REPLY

std::string_view BytesOf(const uint32_t& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

void PutData(NetlinkMessage& message, uint16_t attribute, std::string_view value) {
  const size_t data = message.Begin(attribute | NLA_F_NESTED);
  message.Attribute(NFTA_DATA_VALUE, value);
  message.End(data);
}

void StartNft(NetlinkMessage& batch, uint16_t what, uint16_t flags, uint8_t family) {
  batch.Start(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | what), flags)
      .Put(nfgenmsg{family, NFNETLINK_V0, 0});
}

void PutFrame(NetlinkMessage& batch, uint16_t what) {
  batch.Start(what, 0).Put(nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)});
}

void PutChain(NetlinkMessage& batch, const std::string& table, uint8_t family, const NftChain& chain) {
  StartNft(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, family);
  batch.Text(NFTA_CHAIN_TABLE, table).Text(NFTA_CHAIN_NAME, chain.name).Text(NFTA_CHAIN_TYPE, chain.type);
  const size_t hook = batch.Begin(NFTA_CHAIN_HOOK | NLA_F_NESTED);
  batch.Be32(NFTA_HOOK_HOOKNUM, chain.hook).Be32(NFTA_HOOK_PRIORITY, static_cast<uint32_t>(chain.priority));
  batch.End(hook);
  batch.Be32(NFTA_CHAIN_POLICY, chain.policy);
}

void PutRule(NetlinkMessage& batch, const std::string& table, uint8_t family, const std::string& chain,
             const NftRule& rule) {
  StartNft(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
  batch.Text(NFTA_RULE_TABLE, table).Text(NFTA_RULE_CHAIN, chain);
  const size_t list = batch.Begin(NFTA_RULE_EXPRESSIONS | NLA_F_NESTED);
  for (const std::string& expression : rule.expressions())
    batch.Attribute(NFTA_LIST_ELEM | NLA_F_NESTED, expression);
  batch.End(list);
}

// The attributes of a message that is only a place to build them in.
NetlinkMessage Scratch() {
  NetlinkMessage message;
  message.Start(0, 0);
  return message;
}

std::string AttributesOf(NetlinkMessage& message) {
  return std::string(message.bytes().data() + sizeof(nlmsghdr), message.bytes().size() - sizeof(nlmsghdr));
}

}  // namespace

void NftRule::Add(const char* name, NetlinkMessage data) {
  NetlinkMessage element = Scratch();
  element.Text(NFTA_EXPR_NAME, name).Attribute(NFTA_EXPR_DATA | NLA_F_NESTED, AttributesOf(data));
  expressions_.push_back(AttributesOf(element));
}

NftRule& NftRule::Load(const char* expression, uint32_t key) {
  static_assert(int{NFTA_META_DREG} == int{NFTA_CT_DREG} && int{NFTA_META_KEY} == int{NFTA_CT_KEY});
  NetlinkMessage data = Scratch();
  data.Be32(NFTA_META_DREG, NFT_REG_1).Be32(NFTA_META_KEY, key);
  Add(expression, std::move(data));
  return *this;
}

NftRule& NftRule::Compare(uint32_t operation, std::string_view value) {
  NetlinkMessage data = Scratch();
  data.Be32(NFTA_CMP_SREG, NFT_REG_1).Be32(NFTA_CMP_OP, operation);
  PutData(data, NFTA_CMP_DATA, value);
  Add("cmp", std::move(data));
  return *this;
}

NftRule& NftRule::Immediate(uint32_t value) {
  NetlinkMessage data = Scratch();
  data.Be32(NFTA_IMMEDIATE_DREG, NFT_REG_1);
  PutData(data, NFTA_IMMEDIATE_DATA, BytesOf(value));
  Add("immediate", std::move(data));
  return *this;
}

NftRule& NftRule::Payload(uint32_t base, uint32_t offset, uint32_t size) {
  NetlinkMessage data = Scratch();
  data.Be32(NFTA_PAYLOAD_DREG, NFT_REG_1)
      .Be32(NFTA_PAYLOAD_BASE, base)
      .Be32(NFTA_PAYLOAD_OFFSET, offset)
      .Be32(NFTA_PAYLOAD_LEN, size);
  Add("payload", std::move(data));
  return *this;
}

// Marks and connection states are in the byte order of the host.
NftRule& NftRule::Mark(uint32_t mark) {
  return Load("meta", NFT_META_MARK).Compare(NFT_CMP_EQ, BytesOf(mark));
}

NftRule& NftRule::CtMark(uint32_t mark) {
  return Load("ct", NFT_CT_MARK).Compare(NFT_CMP_EQ, BytesOf(mark));
}

NftRule& NftRule::CtReply() {
  const char reply = kReplyDirection;
  return Load("ct", NFT_CT_DIRECTION).Compare(NFT_CMP_EQ, {&reply, 1});
}

NftRule& NftRule::CtEstablished() {
  Load("ct", NFT_CT_STATE);
  const uint32_t states = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), zero = 0;
  NetlinkMessage data = Scratch();
  data.Be32(NFTA_BITWISE_SREG, NFT_REG_1).Be32(NFTA_BITWISE_DREG, NFT_REG_1).Be32(NFTA_BITWISE_LEN, 4);
  PutData(data, NFTA_BITWISE_MASK, BytesOf(states));
  PutData(data, NFTA_BITWISE_XOR, BytesOf(zero));
  Add("bitwise", std::move(data));
  return Compare(NFT_CMP_NEQ, BytesOf(zero));
}

NftRule& NftRule::InInterface(const std::string& name, bool is) {
  std::string padded = name;
  padded.resize(IFNAMSIZ);
  return Load("meta", NFT_META_IIFNAME).Compare(is ? NFT_CMP_EQ : NFT_CMP_NEQ, padded);
}

NftRule& NftRule::OutInterface(const std::string& name, bool is) {
  std::string padded = name;
  padded.resize(IFNAMSIZ);
  return Load("meta", NFT_META_OIFNAME).Compare(is ? NFT_CMP_EQ : NFT_CMP_NEQ, padded);
}

NftRule& NftRule::Address(const IpPrefix& prefix, bool source, bool is) {
  const uint8_t family = prefix.address.v6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
  Load("meta", NFT_META_NFPROTO).Compare(NFT_CMP_EQ, {reinterpret_cast<const char*>(&family), 1});
  const auto size = static_cast<uint32_t>(prefix.address.size());
  const uint32_t first = prefix.address.v6 ? 8 : 12;  // where the source address lies in its header
  Payload(NFT_PAYLOAD_NETWORK_HEADER, source ? first : first + size, size);
  IpAddress ones;
  ones.v6 = prefix.address.v6;
  ones.bytes.fill(0xff);
  const IpAddress mask = PrefixOf(ones, prefix.bits).address;
  NetlinkMessage data = Scratch();
  data.Be32(NFTA_BITWISE_SREG, NFT_REG_1).Be32(NFTA_BITWISE_DREG, NFT_REG_1).Be32(NFTA_BITWISE_LEN, size);
  PutData(data, NFTA_BITWISE_MASK, {reinterpret_cast<const char*>(mask.bytes.data()), size});
  PutData(data, NFTA_BITWISE_XOR, std::string(size, '\0'));
  Add("bitwise", std::move(data));
  return Compare(is ? NFT_CMP_EQ : NFT_CMP_NEQ,
                 {reinterpret_cast<const char*>(prefix.address.bytes.data()), size});
}

NftRule& NftRule::From(const IpPrefix& prefix, bool is) {
  return Address(prefix, true, is);
}

NftRule& NftRule::To(const IpPrefix& prefix, bool is) {
  return Address(prefix, false, is);
}

NftRule& NftRule::IsProtocol(uint8_t protocol) {
  return Load("meta", NFT_META_L4PROTO).Compare(NFT_CMP_EQ, {reinterpret_cast<const char*>(&protocol), 1});
}

NftRule& NftRule::ToPort(uint8_t protocol, uint16_t port) {
  const uint16_t big_endian = htons(port);
  return IsProtocol(protocol)
      .Payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof port)
      .Compare(NFT_CMP_EQ, {reinterpret_cast<const char*>(&big_endian), sizeof big_endian});
}

NftRule& NftRule::SetMark(uint32_t mark) {
  Immediate(mark);
  NetlinkMessage data = Scratch();
  data.Be32(NFTA_META_KEY, NFT_META_MARK).Be32(NFTA_META_SREG, NFT_REG_1);
  Add("meta", std::move(data));
  return *this;
}

NftRule& NftRule::SetCtMark(uint32_t mark) {
  Immediate(mark);
  NetlinkMessage data = Scratch();
  data.Be32(NFTA_CT_KEY, NFT_CT_MARK).Be32(NFTA_CT_SREG, NFT_REG_1);
  Add("ct", std::move(data));
  return *this;
}

NftRule& NftRule::Masquerade() {
  Add("masq", Scratch());
  return *this;
}

NftRule& NftRule::Verdict(uint32_t code) {
  NetlinkMessage data = Scratch();
  data.Be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  const size_t value = data.Begin(NFTA_IMMEDIATE_DATA | NLA_F_NESTED);
  const size_t verdict = data.Begin(NFTA_DATA_VERDICT | NLA_F_NESTED);
  data.Be32(NFTA_VERDICT_CODE, code);
  data.End(verdict);
  data.End(value);
  Add("immediate", std::move(data));
  return *this;
}

// Making the table, so that it is there to be removed, is how one transaction replaces it (nft(8), "flush").
NetlinkMessage NftTable::Batch() const {
  NetlinkMessage batch;
  PutFrame(batch, NFNL_MSG_BATCH_BEGIN);
  for (const uint16_t what : {NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_MSG_NEWTABLE}) {
    StartNft(batch, what, what == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0, family_);
    batch.Text(NFTA_TABLE_NAME, name_);
  }
  for (const NftChain& chain : chains_) PutChain(batch, name_, family_, chain);
  for (const auto& [chain, rule] : rules_) PutRule(batch, name_, family_, chain, rule);
  PutFrame(batch, NFNL_MSG_BATCH_END);
  return batch;
}

Result<> NftTable::Install(NetlinkSocket& socket) const {
  return socket.Batch(Batch(), "set nftables rules");
}

}  // namespace wolffia
