// Holder: `wolffia-net holder`, one process for a user and a store that holds the user-defined networks: in a
// user namespace of its own, H, and a network namespace with the bridges, slirp4netns as the way out, the
// rules between them, and the resolver. One of its threads stays outside, in the host's network namespace,
// and starts slirp4netns there. H maps the user to 0 and the user's subordinate ids to themselves.
//
// Containers of such networks are made below H, because only then has the holder power over their network
// namespaces: a veth pair between two namespaces takes CAP_NET_ADMIN over both. Each container's monitor
// keeps a connection; when it closes, the container's interfaces and addresses go, with the last one of a
// network its bridge, and when nobody has been there for two seconds, the holder. A new one takes over if it
// is killed: every monitor tells it what it had, and the descriptor of H, which stays.
//
//   starter (has the lock)             wolffia-net holder             its child
//   HolderStart, [H]            -->    fork                     -->   unshare(user), or setns(H)
//                                      newuidmap, newgidmap     -->   unshare(net), listens
//   HolderAnswer                <--------------------------------     serves
//                                      ends
#pragma once

namespace wolffia {

// The role of the program: `control` is its socket to the starter. The directory for its socket is descriptor
// 4; 5, if it is open, is H. The exit code of the program.
int RunHolder(int control);

inline constexpr int kHolderDirectory = 4, kHolderNamespace = 5;
inline constexpr char kHolderSocket[] = "holder.sock";  // in runroot/net

}  // namespace wolffia
