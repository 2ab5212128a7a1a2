// What the data and attribute operations of OverlayTree share with each other, and with those that make
// nodes. Private to overlay_*.cc.
#pragma once

#include "storage/overlay/overlay_node.h"

namespace wolffia {

inline constexpr char kCapabilityXattr[] = "security.capability";

// A regular file of the upper, open, with nothing locked.
struct OpenNode {
  NodePtr node;
  SharedFd fd;
};

// Makes a regular file ready for a change of its bytes: copied up (with `keep_bytes` false, empty), without a
// security.capability, and, with `kill_privileges`, without set-id bits. EROFS, EISDIR, EINVAL.
// overlay_attributes.cc.
Sys<OpenNode> OpenForChange(OverlayState& state, uint64_t nodeid, bool keep_bytes, bool kill_privileges);

// The mode bits that a change of owner or bytes by someone without privileges takes away: set-user-id, and
// set-group-id where the group may execute.
mode_t WithoutSetId(mode_t mode);

// Of a node in the upper, and nothing else of it. Exclusive tree lock. overlay_attributes.cc.
Sys<> ChangeMode(OverlayState& state, Node& node, mode_t mode);

// Whether a node in the upper has an attribute that changes of it must look at; remembered in the Node, so
// that it is asked for once. Shared tree lock. overlay_xattr.cc.
// The node is new in the upper, with exactly these: none need be asked for. Exclusive tree lock.
void KnowXattrs(Node& node, const NewObject& object);
Sys<bool> HasCapability(OverlayState& state, Node& node);
Sys<bool> HasAccessAcl(OverlayState& state, Node& node);
Sys<> DropCapability(OverlayState& state, Node& node);                // exclusive tree lock
Sys<> ChangeModeOfAcl(OverlayState& state, Node& node, mode_t mode);  // exclusive tree lock

}  // namespace wolffia
