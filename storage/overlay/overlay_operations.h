// What the operations of OverlayServer share. Private to overlay_server*.cc.
#pragma once

#include "storage/overlay/fuse_reply.h"
#include "storage/overlay/overlay_tree.h"

namespace wolffia {

// The userdata of the session.
struct OverlayService {
  std::unique_ptr<OverlayTree> tree;
  double timeout = kForever;
  bool writeback = false;
  bool stateless_directories = false;  // set by Init, before any other request
};
inline OverlayService& ServiceOf(fuse_req_t req) {
  return *static_cast<OverlayService*>(fuse_req_userdata(req));
}
inline OverlayTree& TreeOf(fuse_req_t req) {
  return *ServiceOf(req).tree;
}

inline void ReplyDone(fuse_req_t req, const Sys<>& result) {
  fuse_reply_err(req, result ? 0 : result.error());
}
// What a request says that libfuse 3.14 keeps to itself; of the request that this thread serves.
struct HiddenFlags {
  bool kill_privileges = false;  // write and setattr: the caller has no CAP_FSETID
};
inline thread_local HiddenFlags hidden_flags;

void AddNameOperations(fuse_lowlevel_ops* ops);                                // overlay_server_names.cc
void AddAttributeOperations(fuse_lowlevel_ops* ops, const OverlayTree& tree);  // overlay_server_attributes.cc
void AddDataOperations(fuse_lowlevel_ops* ops);                                // overlay_server_data.cc

// Requests that libfuse 3.14 does not know, or not all of.
void AnswerTemporary(OverlayService& service, const FuseRequest& request);  // O_TMPFILE
void AnswerSetXattr(OverlayService& service, const FuseRequest& request);

}  // namespace wolffia
