// CopySocketOptions: what a program has set on a TCP socket before it connects it, done once more on another
// one.
#pragma once

namespace wolffia {

// Both are TCP sockets of the same family; `to` is new. False: `from` has something that cannot be had on
// `to` as this user (a mark, a device, a filter of its own, IP options, data in the SYN), so `to` cannot
// stand in for it. `ours`: `from` is one that the container got from us; what it is confined by is not
// copied.
bool CopySocketOptions(int from, int to, bool ours);

}  // namespace wolffia
