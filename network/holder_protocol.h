// What a container's monitor and the holder of the user's networks say to each other (holder.h): one request,
// one answer, in sequenced packets. A container is a member of its networks as long as its connection is
// open.
//
//   Join     with all of the container's networks: addresses are allocated, bridges exist, there is a way
//            out. Answered with what the container will have, in the order of the request, and a descriptor
//            of the user namespace below which it is to be made. Said again it changes what was said before:
//            networks that it no longer names are left, the others stay as they are.
//   Attach   with the container's network namespace: the interfaces that are not there yet are made in it.
//            Answered when they can be used.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "engine/base/result.h"
#include "network/network_record.h"
#include "network/parts.h"

namespace wolffia {

inline constexpr size_t kMaxHolderPacket = 64 << 10;

// A network and how one container uses it.
struct Membership {
  NetworkRecord network;
  NetworkUse use;
  bool operator==(const Membership&) const = default;
};

struct JoinRequest {
  std::string container, name;  // id and name
  std::vector<Membership> networks;
  std::vector<std::string> dns = {};  // servers that its questions go to; none: those of the host
  bool operator==(const JoinRequest&) const = default;
};
struct AttachNetworkRequest {
  bool operator==(const AttachNetworkRequest&) const = default;
};
using HolderRequest = std::variant<JoinRequest, AttachNetworkRequest>;

struct HolderAnswer {
  std::string error;  // a sentence; empty: done
  int code = 0;       // of the error (Code)
  std::vector<InterfaceState> interfaces;
  std::vector<std::string> name_servers;
  bool operator==(const HolderAnswer&) const = default;
};

// How the holder's own user namespace is made (user_namespaces(7)): by newuidmap and newgidmap, where the
// user has subordinate ids. The first packet to `wolffia-net holder`; answered by a HolderAnswer once it can
// be reached.
struct HolderStart {
  std::string newuidmap, newgidmap;  // programs
  std::vector<uint32_t> uids, gids;  // subordinate ranges: first, count, first, count ...
  bool operator==(const HolderStart&) const = default;
};

std::string Encode(const HolderRequest& request);
std::string Encode(const HolderAnswer& answer);
std::string Encode(const HolderStart& start);
// kCorrupt for anything that is none, kUnsupported for one of another version.
Result<HolderRequest> DecodeHolderRequest(std::string_view packet);
Result<HolderAnswer> DecodeHolderAnswer(std::string_view packet);
Result<HolderStart> DecodeHolderStart(std::string_view packet);

}  // namespace wolffia
